import { workflowInfo } from '@temporalio/workflow';
import type { ClassPlan } from '../../activities/index.ts';
import {
  endSession,
  fetchAll,
  fetchParticipants,
  openSession,
  prepareSpace,
  readPlan,
} from '../activity-options.ts';
import { BELLS_PER_RUN, waitUntil } from '../bells.ts';
import type { PhaseEnd, Room } from '../class-session.ts';
import { closeRoom } from './close-room.ts';
import { reconcileOnce } from './reconcile.ts';

/** Opens the session, watches it until it ends, waits out the grace and calculates for the first time. */
export async function live(room: Room): Promise<PhaseEnd> {
  const { session, bells, board } = room;
  let plan = await openSession(session);
  // Once it is over, a new space would only be taken for an empty class.
  if (plan.needsSpace && Date.now() < plan.windowEndMs)
    plan = await prepareSpace(session, { patient: false });
  let roomsClosed = false;
  while (plan.status === 'open') {
    if (bells.count >= BELLS_PER_RUN || workflowInfo().continueAsNewSuggested) {
      return { kind: 'next', phase: 'live' };
    }
    if (isOver(plan, roomsClosed)) {
      plan = await endSession(session, { roomsClosed, atMs: Date.now() });
      continue;
    }
    const wakeAtMs = nextLook(plan);
    board.class_status = plan.startMs <= Date.now() ? 'active' : 'open';
    board.doing = 'watching the class';
    board.next_at = new Date(wakeAtMs).toISOString();
    await waitUntil(wakeAtMs, () => bells.plan, 'Until the next look at the class');
    bells.plan = false;
    ({ plan, roomsClosed } = await look(room, plan));
  }
  if (plan.status === 'cancelled') return await closeRoom(room);
  // Moved to a later hour after it was opened.
  if (plan.status === 'scheduled') return { kind: 'next', phase: 'await-start' };
  return await graceAndFirstCalculation(room, plan);
}

/** Every check, at the scheduled end (all may have gone home), and at the end of the counting window. */
function nextLook(plan: ClassPlan): number {
  const now = Date.now();
  const check = plan.startMs > now ? plan.startMs : now + (plan.checkMs ?? Number.POSITIVE_INFINITY);
  const edge = now < plan.endMs ? plan.endMs : plan.windowEndMs;
  return Math.min(check, edge);
}

/** The counting window is over, or the class is and nobody can come back because every room has closed. */
const isOver = (plan: ClassPlan, roomsClosed: boolean): boolean =>
  Date.now() >= plan.windowEndMs || (roomsClosed && Date.now() >= plan.endMs);

async function look(
  { session, board }: Room,
  before: ClassPlan,
): Promise<{ plan: ClassPlan; roomsClosed: boolean }> {
  // At the end of the window the end itself is due: it reads the plan and has a fetch of its own.
  if (Date.now() >= before.windowEndMs) return { plan: before, roomsClosed: false };
  if (before.provider !== 'meet') return { plan: await readPlan(session), roomsClosed: false };
  if (before.needsSpace) {
    return { plan: await prepareSpace(session, { patient: false }), roomsClosed: false };
  }
  const found = await fetchParticipants(session, { scope: 'present', untilMs: nextLook(before) });
  board.polls++;
  board.capture_problem = found.fetch.problem;
  if (found.fetch.ok) board.present = found.fetch.present;
  return { plan: found.plan, roomsClosed: found.roomsClosed };
}

/**
 * Meet counts as complete when it has said the same twice, a fifth of the grace apart (product §6). The calculation at
 * the end of the grace asks once; asking at three quarters before leaves it the most time to have settled by then.
 */
const ASK_AGAIN_BEFORE = 0.25;

async function graceAndFirstCalculation(room: Room, plan: ClassPlan): Promise<PhaseEnd> {
  const { session, board } = room;
  board.class_status = 'ended';
  board.doing = 'waiting out the grace';
  board.next_at = new Date(plan.graceUntilMs).toISOString();
  if (plan.provider === 'meet') {
    const askAgainMs = plan.graceUntilMs - plan.graceMs * ASK_AGAIN_BEFORE;
    await fetchAll(session, { scope: 'all', untilMs: askAgainMs });
    if (await cancelledBefore(room, askAgainMs, 'Grace: until everybody is fetched once more')) {
      return await closeRoom(room);
    }
    await fetchAll(session, { scope: 'all', untilMs: plan.graceUntilMs });
    board.polls += 2;
  }
  if (await cancelledBefore(room, plan.graceUntilMs, 'Grace for late evidence')) return await closeRoom(room);
  return (await reconcileOnce(room, plan)) ?? { kind: 'next', phase: 'reconcile', attempts: board.attempts };
}

/** Of all that a bell may tell here, only a cancelling cuts the grace short. */
async function cancelledBefore({ session, bells }: Room, untilMs: number, summary: string): Promise<boolean> {
  for (;;) {
    await waitUntil(untilMs, () => bells.plan, summary);
    if (!bells.plan) return false;
    bells.plan = false;
    if ((await readPlan(session)).status === 'cancelled') return true;
  }
}
