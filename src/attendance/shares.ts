/**
 * Compares a share of the lesson, at most 100 %, with a threshold; unrounded (product §5).
 *
 * @returns negative when the share is below `percent`, 0 when it is exactly that, positive above
 */
export function compareShare(partMs: number, wholeMs: number, percent: number): number {
  const difference = Math.min(partMs, wholeMs) * 100 - percent * wholeMs;
  // A hundred-thousandth of a millisecond: 33.3 % of a lesson has an exact edge although 33.3 has no exact binary form.
  return Math.abs(difference) < 1e-3 ? 0 : difference;
}

/** A share in percent, at most 100, two decimals, half up. */
export function percentage(partMs: number, wholeMs: number): number {
  if (wholeMs <= 0) return 0;
  const part = Math.max(0, Math.min(partMs, wholeMs));
  return Math.floor((part * 20_000 + wholeMs) / (2 * wholeMs)) / 100;
}

/** Whole seconds as minutes, two decimals, half up. */
export function minutesOf(seconds: number): number {
  return Math.floor((seconds * 10 + 3) / 6) / 100;
}

/** Every figure named `_seconds` is rounded down (product §5). */
export function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

/** Minutes that are over. */
export function wholeMinutes(ms: number): number {
  return Math.floor(ms / 60_000);
}
