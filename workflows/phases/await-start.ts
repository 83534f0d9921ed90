import { readPlan } from '../activity-options.ts';
import { BELLS_PER_RUN } from '../bells.ts';
import type { PhaseEnd, Room } from '../class-session.ts';
import { showStart } from '../search-attributes.ts';
import { createSpaceRequest } from './ask-for-space.ts';
import { closeRoom } from './close-room.ts';

/** Sleeps until the session is to be opened, however often the class is moved meanwhile. */
export async function awaitStart(room: Room): Promise<PhaseEnd> {
  const { session, bells, board, alarm } = room;
  let plan = await readPlan(session);
  // Google allows a hundred new spaces a minute and people want the link early: it is asked for now.
  const space = createSpaceRequest(room);
  try {
    for (;;) {
      board.class_status = plan.status;
      showStart(plan.startMs);
      if (plan.status === 'cancelled') return await closeRoom(room, plan);
      if (plan.scheduledAfterwards) return { kind: 'next', phase: 'reconcile' };
      if (plan.openAtMs <= Date.now()) return { kind: 'next', phase: 'live' };
      if (bells.count >= BELLS_PER_RUN) return { kind: 'next', phase: 'await-start' };
      space.ifNeeded(plan);
      board.doing = 'waiting for the start';
      board.next_at = new Date(plan.openAtMs).toISOString();
      await alarm.until(plan.openAtMs, () => bells.plan, 'Sleep until the session is opened');
      if (bells.plan) {
        bells.plan = false;
        plan = await readPlan(session);
      }
    }
  } finally {
    space.stop();
  }
}
