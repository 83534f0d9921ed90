import { isCancellation } from '@temporalio/workflow';
import type { ClassPlan } from '../../activities/index.ts';
import { prepareSpaceOf } from '../activity-options.ts';
import type { Room } from '../class-session.ts';
import { createBeside } from './beside.ts';

/** Asks Google for a Meet space beside whatever the phase does. */
export interface SpaceRequest {
  /** Asks, when the plan says that there is none and nobody is asking. What was refused is asked for anew. */
  ifNeeded(plan: ClassPlan): void;
  stop(): void;
}

export function createSpaceRequest({ session, board }: Room): SpaceRequest {
  const asking = createBeside();
  const ask = async (plan: ClassPlan) => {
    try {
      await prepareSpaceOf(plan)(session);
      board.capture_problem = null;
    } catch (error) {
      // The reason is on the class.
      if (!isCancellation(error)) board.capture_problem = 'the Meet space was refused';
    }
  };
  return {
    ifNeeded(plan) {
      if (plan.needsSpace) asking.begin(() => ask(plan));
    },
    stop: asking.stop,
  };
}
