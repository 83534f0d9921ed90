import { workflowInfo } from '@temporalio/workflow';
import type { ClassPlan } from '../../activities/index.ts';
import { endSession, fetchAll, fetchParticipants, openSession, readPlan } from '../activity-options.ts';
import { BELLS_PER_RUN } from '../bells.ts';
import type { PhaseEnd, Room } from '../class-session.ts';
import { createSpaceRequest, type SpaceRequest } from './ask-for-space.ts';
import { closeRoom } from './close-room.ts';
import { reconcileOnce } from './reconcile.ts';

/** Opens the session, watches it until it ends, waits out the grace and calculates for the first time. */
export async function live(room: Room): Promise<PhaseEnd> {
  const { session, board } = room;
  const space = createSpaceRequest(room);
  try {
    const plan = await watch(room, await openSession(session), space);
    board.class_status = plan.status;
    switch (plan.status) {
      case 'cancelled':
        return await closeRoom(room);
      case 'scheduled':
        // Moved to a later hour after it was opened.
        return { kind: 'next', phase: 'await-start' };
      case 'open':
        return { kind: 'next', phase: 'live' };
      default:
        return await graceAndFirstCalculation(room, plan);
    }
  } finally {
    space.stop();
  }
}

/** Looks at the class again and again while it is open. Still open at the end: this run has become long enough. */
async function watch(room: Room, opened: ClassPlan, space: SpaceRequest): Promise<ClassPlan> {
  const { session, bells, board, alarm } = room;
  let plan = opened;
  let roomsClosed = false;
  let lookedMs: number | null = null;
  while (plan.status === 'open') {
    if (bells.count >= BELLS_PER_RUN || workflowInfo().continueAsNewSuggested) return plan;
    if (isOver(plan, roomsClosed)) {
      plan = await endSession(session, { roomsClosed, atMs: Date.now() });
      continue;
    }
    space.ifNeeded(plan);
    const lookAtMs = nextLook(plan, lookedMs);
    board.class_status = plan.startMs <= Date.now() ? 'active' : 'open';
    board.doing = 'watching the class';
    board.next_at = new Date(lookAtMs).toISOString();
    await alarm.until(lookAtMs, () => bells.plan, 'Until the next look at the class');
    if (bells.plan) {
      bells.plan = false;
      plan = await readPlan(session);
    } else if (Date.now() < plan.windowEndMs) {
      lookedMs = Date.now();
      ({ plan, roomsClosed } = await look(room, plan));
    }
  }
  return plan;
}

/**
 * The start and every check after it, the scheduled end (all may have gone home), and the end of the counting window.
 * Where nothing is to be fetched nobody looks at the start: a thousand that wake in the same instant would be in the way
 * of a class that is opened just then.
 */
function nextLook({ startMs, endMs, windowEndMs, checkMs }: ClassPlan, lookedMs: number | null): number {
  const edge = Date.now() < endMs ? endMs : windowEndMs;
  if (checkMs === null) return edge;
  return Math.min(lookedMs === null ? startMs : lookedMs + checkMs, edge);
}

/** The counting window is over, or the class is and nobody can come back because every room has closed. */
const isOver = (plan: ClassPlan, roomsClosed: boolean): boolean =>
  Date.now() >= plan.windowEndMs || (roomsClosed && Date.now() >= plan.endMs);

async function look(
  { session, board }: Room,
  before: ClassPlan,
): Promise<{ plan: ClassPlan; roomsClosed: boolean }> {
  if (before.provider !== 'meet' || before.needsSpace) {
    return { plan: await readPlan(session), roomsClosed: false };
  }
  const untilMs = nextLook(before, Date.now());
  const found = await fetchParticipants(session, { scope: 'present', untilMs });
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
