import { LiveKitFault } from './fault.ts';

/** Does the work when its turn has come. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Lets `most` work at once and the others wait, first come, first served. Whoever has waited for `patienceMs` is sent
 * away with the LiveKitFault `timeout`, so that a server that hangs does not gather everybody who ever asked.
 */
export function takingTurns({ most, patienceMs }: { most: number; patienceMs: number }): InTurn {
  let working = 0;
  // In the order in which they came.
  const waiting = new Set<() => void>();

  const turn = (): Promise<void> => {
    if (working < most) {
      working++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const called = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.delete(called);
        reject(new LiveKitFault('timeout', 'retry', `no turn within ${patienceMs} ms: LiveKit is slow`));
      }, patienceMs);
      waiting.add(called);
    });
  };

  return async (work) => {
    await turn();
    try {
      return await work();
    } finally {
      const [next] = waiting;
      if (next === undefined) working--;
      else {
        // The turn is handed on.
        waiting.delete(next);
        next();
      }
    }
  };
}
