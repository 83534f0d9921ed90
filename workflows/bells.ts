import { CancellationScope, condition, isCancellation, setHandler, sleep } from '@temporalio/workflow';
import { evidenceArrived, planChanged } from './messages.ts';

/** Which bells have been rung and not been looked at yet. Handlers only set a flag; the phases do the work. */
export interface Bells {
  plan: boolean;
  evidence: boolean;
  /** Heard in this run. */
  count: number;
}

/**
 * A run that heard this many bells starts a new one at its next edge, so that it stays readable. A bell costs five events
 * (signal, task, a look at the plan), and two more where it moves what is waited for.
 */
export const BELLS_PER_RUN = 20;

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

/** Waits for an instant, or for a bell. */
export interface Alarm {
  /** Returns at `untilMs`, or as soon as `rung` is true. The bell stays set. */
  until(untilMs: number, rung: () => boolean, summary: string): Promise<void>;
}

interface Timer {
  atMs: number;
  scope: CancellationScope;
  rang: boolean;
}

/** The timer outlives a bell: whoever waits for the same instant again waits for the same timer, which costs nothing. */
export function createAlarm(): Alarm {
  let timer: Timer | null = null;
  return {
    async until(untilMs, rung, summary) {
      const left = untilMs - Date.now();
      if (left <= 0 || rung()) return;
      if (timer === null || timer.rang || timer.atMs !== untilMs) {
        timer?.scope.cancel();
        timer = startTimer(untilMs, left, summary);
      }
      const waitedFor = timer;
      await condition(() => waitedFor.rang || rung());
    },
  };
}

function startTimer(atMs: number, left: number, summary: string): Timer {
  const timer: Timer = { atMs, scope: new CancellationScope(), rang: false };
  timer.scope
    .run(() => sleep(left, { summary }))
    .then(() => {
      timer.rang = true;
    })
    .catch((error: unknown) => {
      if (!isCancellation(error)) throw error;
    });
  return timer;
}
