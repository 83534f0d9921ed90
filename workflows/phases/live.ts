import { workflowInfo } from '@temporalio/workflow';
import type { ClassPlan } from '../../activities/index.ts';
import { endSession, fetchPresentOn, openSession, readPlan } from '../activity-options.ts';
import { BELLS_PER_RUN } from '../bells.ts';
import type { PhaseEnd, Room } from '../class-session.ts';
import { createSpaceRequest, type SpaceRequest } from './ask-for-space.ts';
import { closeRoom } from './close-room.ts';
import { graceAndFirstCalculation } from './grace.ts';
import { createRoomKeeper, type RoomKeeper } from './keep-room.ts';

/** Opens the session, watches it until it ends, waits out the grace and calculates for the first time. */
export async function live(room: Room): Promise<PhaseEnd> {
  const { session, board } = room;
  const space = createSpaceRequest(room);
  const keeper = createRoomKeeper(room);
  try {
    const plan = await watch(room, await openSession(session), space, keeper);
    // From here on a room may be deleted, and none is made any more.
    keeper.stop();
    board.class_status = plan.status;
    switch (plan.status) {
      case 'cancelled':
        return await closeRoom(room, plan);
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
    keeper.stop();
  }
}

/** Looks at the class again and again while it is open. Still open at the end: this run has become long enough. */
async function watch(
  room: Room,
  opened: ClassPlan,
  space: SpaceRequest,
  keeper: RoomKeeper,
): Promise<ClassPlan> {
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
    keeper.ifNeeded(plan);
    const lookAtMs = nextLook(plan, lookedMs);
    board.class_status = plan.startMs <= Date.now() ? 'active' : 'open';
    board.doing = 'watching the class';
    board.next_at = new Date(lookAtMs).toISOString();
    // Deliveries of LiveKit ring when its room became occupied, empty or closed; Meet tells nothing by itself.
    const tells = plan.provider === 'livekit';
    const rung = () => bells.plan || (tells && bells.evidence);
    await alarm.until(lookAtMs, rung, 'Until the next look at the class');
    if (bells.plan) {
      bells.plan = false;
      plan = await readPlan(session);
    } else if (Date.now() < plan.windowEndMs) {
      // Lowered before the room is listed: what is rung from here on is for the next look.
      if (tells) bells.evidence = false;
      lookedMs = Date.now();
      const seen = await look(room, plan);
      ({ plan, roomsClosed } = seen);
      if (seen.roomMissing) keeper.missed();
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
  // Who comes early rings: that look does not take the place of the one at the start.
  if (lookedMs === null || Date.now() < startMs) return Math.min(startMs, edge);
  return Math.min(lookedMs + checkMs, edge);
}

/** The counting window is over, or the class is and nobody can come back because every room has closed. */
const isOver = (plan: ClassPlan, roomsClosed: boolean): boolean =>
  Date.now() >= plan.windowEndMs || (roomsClosed && Date.now() >= plan.endMs);

interface Seen {
  plan: ClassPlan;
  roomsClosed: boolean;
  roomMissing: boolean;
}

async function look({ session, board }: Room, before: ClassPlan): Promise<Seen> {
  if (before.checkMs === null || before.needsSpace) {
    return { plan: await readPlan(session), roomsClosed: false, roomMissing: false };
  }
  const untilMs = nextLook(before, Date.now());
  const found = await fetchPresentOn(before.provider)(session, { scope: 'present', untilMs });
  board.polls++;
  board.capture_problem = found.fetch.problem;
  if (found.fetch.ok) board.present = found.fetch.present;
  return found;
}
