import { condition, setHandler } from '@temporalio/workflow';
import { evidenceArrived, planChanged } from './messages.ts';

/** Which bells have been rung and not been looked at yet. Handlers only set a flag; the phases do the work. */
export interface Bells {
  plan: boolean;
  evidence: boolean;
  /** Heard in this run. */
  count: number;
}

/**
 * A run that heard this many bells starts a new one at its next edge: each costs about twelve events (signal, task,
 * cancelled timer, a look at the plan), and a run shall stay readable.
 */
export const BELLS_PER_RUN = 8;

export function hearBells(): Bells {
  const bells: Bells = { plan: false, evidence: false, count: 0 };
  setHandler(planChanged, () => {
    bells.plan = true;
    bells.count++;
  });
  setHandler(evidenceArrived, () => {
    bells.evidence = true;
    bells.count++;
  });
  return bells;
}

/** Waits until `untilMs` or until `rung` is true. The bell stays set. */
export async function waitUntil(untilMs: number, rung: () => boolean, summary: string): Promise<void> {
  const left = untilMs - Date.now();
  // A condition starts its timer even when it holds already, and one of zero writes a marker into the history.
  if (left <= 0 || rung()) return;
  await condition(rung, left, { summary });
}
