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
    await sleep(everyMs, undefined, signal === undefined ? {} : { signal });
  }
  return true;
}
