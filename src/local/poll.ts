import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again until the answer is true; false when `deadlineMs` (milliseconds from now) passed without it. */
export async function poll(
  ask: () => boolean | Promise<boolean>,
  deadlineMs: number,
  signal?: AbortSignal,
  everyMs = 25,
): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  while (!(await ask())) {
    signal?.throwIfAborted();
    if (performance.now() >= deadline) return false;
    await pause(everyMs, signal);
  }
  return true;
}

/** Waits; throws the signal's own reason when it is aborted, which says more than Node's AbortError. */
export async function pause(forMs: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(forMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
