import { isCancellation } from '@temporalio/workflow';
import type { ClassPlan } from '../../activities/index.ts';
import { prepareSpace } from '../activity-options.ts';
import type { Room } from '../class-session.ts';
import { createBeside } from './beside.ts';

/** Asks Google for a Meet space beside whatever the phase does. */
export interface SpaceRequest {
  /** Asks, when the plan says that there is none and nobody is asking. What was refused is asked for anew. */
  ifNeeded(plan: ClassPlan): void;
  stop(): void;
}

export function createSpaceRequest({ session, board }: Room): SpaceRequest {
  const asking = createBeside(async () => {
    try {
      await prepareSpace(session);
      board.capture_problem = null;
    } catch (error) {
      // The reason is on the class.
      if (!isCancellation(error)) board.capture_problem = 'the Meet space was refused';
    }
  });
  return {
    ifNeeded(plan) {
      if (plan.needsSpace) asking.begin();
    },
    stop: asking.stop,
  };
}
