import type { ClassPlan } from '../../activities/index.ts';
import { readPlan, reconcileOn } from '../activity-options.ts';
import { BELLS_PER_RUN } from '../bells.ts';
import type { PhaseEnd, Room } from '../class-session.ts';
import { nextAttemptAt, type RetryPlan } from '../retry-plan.ts';
import { closeRoom } from './close-room.ts';

/** Asks for the missing evidence ever more slowly, for seven days at most, and judges after each attempt. */
export async function reconcileUntilSettled(room: Room): Promise<PhaseEnd> {
  const { session, bells, board, alarm } = room;
  const plan = await readPlan(session);
  if (plan.status === 'cancelled') return await closeRoom(room, plan);
  // A class that was scheduled afterwards has waited for nothing yet: its first attempt is now.
  let nextMs = board.attempts === 0 ? Date.now() : (nextAttemptAt(retryPlan(plan), Date.now()) ?? Date.now());
  for (;;) {
    board.doing = 'waiting for evidence that is missing';
    board.next_at = new Date(nextMs).toISOString();
    await alarm.until(nextMs, () => bells.plan || bells.evidence, 'Until evidence is asked for again');
    if (bells.plan && !bells.evidence && Date.now() < nextMs) {
      bells.plan = false;
      if ((await readPlan(session)).status === 'cancelled') return await closeRoom(room, plan);
    } else {
      const end = await reconcileOnce(room, plan);
      if (end) return end;
      nextMs = nextAttemptAt(retryPlan(plan), Date.now()) ?? Date.now();
    }
    if (bells.count >= BELLS_PER_RUN) return { kind: 'next', phase: 'reconcile', attempts: board.attempts };
  }
}

/** One attempt. Null: evidence is missing or somebody is unknown, and there is time left. */
export async function reconcileOnce(room: Room, plan: ClassPlan): Promise<PhaseEnd | null> {
  const { session, bells, board } = room;
  board.doing = 'calculating attendance';
  // Lowered before the evidence is read: what is rung from here on is for the next attempt.
  bells.evidence = false;
  bells.plan = false;
  const nextMs = nextAttemptAt(retryPlan(plan), Date.now());
  const verdict = await reconcileOn(plan.provider)(session, { attempt: board.attempts + 1, nextMs });
  board.attempts++;
  board.class_status = verdict.status;
  board.missing = verdict.missing;
  board.capture_problem = verdict.captureProblem;
  switch (verdict.status) {
    case 'completed':
    case 'incomplete':
      return { kind: 'settled', as: verdict.status };
    case 'cancelled':
      return await closeRoom(room, plan);
    case 'reconciling':
      return null;
  }
}

const retryPlan = (plan: ClassPlan): RetryPlan => ({
  sinceMs: plan.reconcileSinceMs,
  firstMs: plan.retryFirstMs,
  forMs: plan.retryForMs,
});
