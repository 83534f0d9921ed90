/** Percentages are compared in units of a ten-thousandth of a percent, in whole numbers, so that no edge is lost. */
const UNITS = 10_000;

/**
 * Compares a share of the lesson, at most 100 %, with a threshold; unrounded (product §5).
 *
 * @returns negative when the share is below `percent`, 0 when it is exactly that, positive above
 */
export function compareShare(partMs: number, wholeMs: number, percent: number): number {
  return Math.min(partMs, wholeMs) * 100 * UNITS - Math.round(percent * UNITS) * wholeMs;
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
