import type { ClassPlan } from '../../activities/index.ts';
import { deleteEmptyRoom, fetchAll, listAtTheEnd, readPlan } from '../activity-options.ts';
import type { PhaseEnd, Room } from '../class-session.ts';
import { closeRoom } from './close-room.ts';
import { reconcileOnce } from './reconcile.ts';

/** The class has ended: asks its provider once more, waits for late evidence, and calculates for the first time. */
export async function graceAndFirstCalculation(room: Room, plan: ClassPlan): Promise<PhaseEnd> {
  const { board } = room;
  board.class_status = 'ended';
  board.doing = 'waiting out the grace';
  board.next_at = new Date(plan.graceUntilMs).toISOString();
  if (await askedOrCancelled(room, plan)) return await closeRoom(room, plan);
  if (await cancelledBefore(room, plan.graceUntilMs, 'Grace for late evidence')) {
    return await closeRoom(room, plan);
  }
  return (await reconcileOnce(room, plan)) ?? { kind: 'next', phase: 'reconcile', attempts: board.attempts };
}

/** True: the class was cancelled meanwhile. */
async function askedOrCancelled(room: Room, plan: ClassPlan): Promise<boolean> {
  switch (plan.provider) {
    case 'meet':
      return await askMeetTwice(room, plan);
    case 'livekit':
      return await leaveTheRoom(room, plan);
    case 'whiteboard':
      return false;
    default:
      return plan.provider satisfies never;
  }
}

/**
 * Meet counts as complete when it has said the same twice, a fifth of the grace apart (product §6). The calculation at
 * the end of the grace asks once; asking at three quarters before leaves it the most time to have settled by then.
 */
const ONCE_MORE_BEFORE = 0.25;
const onceMoreAt = ({ graceUntilMs, graceMs }: ClassPlan): number =>
  graceUntilMs - graceMs * ONCE_MORE_BEFORE;

async function askMeetTwice(room: Room, plan: ClassPlan): Promise<boolean> {
  const { session, board } = room;
  const askAgainMs = onceMoreAt(plan);
  await fetchAll(session, { scope: 'all', untilMs: askAgainMs });
  if (await cancelledBefore(room, askAgainMs, 'Grace: until everybody is fetched once more')) return true;
  await fetchAll(session, { scope: 'all', untilMs: plan.graceUntilMs });
  board.polls += 2;
  return false;
}

/** Who is still in the room at the end, and then nobody needs it. Whoever stays on has most of the grace to leave. */
async function leaveTheRoom(room: Room, plan: ClassPlan): Promise<boolean> {
  const { session, board } = room;
  const untilMs = plan.graceUntilMs;
  await listAtTheEnd(session, { scope: 'all', untilMs });
  board.polls++;
  if ((await deleteEmptyRoom(session, { untilMs })) !== 'occupied') return false;
  if (await cancelledBefore(room, onceMoreAt(plan), 'Grace: until the room may be empty')) return true;
  await deleteEmptyRoom(session, { untilMs });
  return false;
}

/** Of all that a bell may tell here, only a cancelling cuts the grace short. */
async function cancelledBefore(
  { session, bells, alarm }: Room,
  untilMs: number,
  summary: string,
): Promise<boolean> {
  for (;;) {
    await alarm.until(untilMs, () => bells.plan, summary);
    if (!bells.plan) return false;
    bells.plan = false;
    if ((await readPlan(session)).status === 'cancelled') return true;
  }
}
