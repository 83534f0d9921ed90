/** A half-open piece of time in UTC milliseconds: `startMs` belongs to it, `endMs` does not. */
export interface Interval {
  startMs: number;
  endMs: number;
}

/** What lies inside `within`; empty pieces are dropped (product §5, presence, step 2). */
export function clip(intervals: readonly Interval[], within: Interval): Interval[] {
  const kept: Interval[] = [];
  for (const interval of intervals) {
    const startMs = Math.max(interval.startMs, within.startMs);
    const endMs = Math.min(interval.endMs, within.endMs);
    if (startMs < endMs) kept.push({ startMs, endMs });
  }
  return kept;
}

/** The same time as sorted pieces that neither overlap nor meet, so that splitting a piece at an instant changes nothing. */
export function union(intervals: readonly Interval[]): Interval[] {
  const sorted = intervals.filter((interval) => interval.startMs < interval.endMs);
  sorted.sort((a, b) => a.startMs - b.startMs);
  const merged: Interval[] = [];
  let last: Interval | undefined;
  for (const { startMs, endMs } of sorted) {
    if (last !== undefined && startMs <= last.endMs) {
      last.endMs = Math.max(last.endMs, endMs);
    } else {
      last = { startMs, endMs };
      merged.push(last);
    }
  }
  return merged;
}

/** What lies between the pieces of a union. */
export function gaps(united: readonly Interval[]): Interval[] {
  const between: Interval[] = [];
  let previous: Interval | undefined;
  for (const interval of united) {
    if (previous !== undefined) between.push({ startMs: previous.endMs, endMs: interval.startMs });
    previous = interval;
  }
  return between;
}

/** Time that belongs to both unions; linear, because both are sorted and disjoint. */
export function intersect(left: readonly Interval[], right: readonly Interval[]): Interval[] {
  const common: Interval[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const a = left[i];
    const b = right[j];
    if (a === undefined || b === undefined) return common;
    const startMs = Math.max(a.startMs, b.startMs);
    const endMs = Math.min(a.endMs, b.endMs);
    if (startMs < endMs) common.push({ startMs, endMs });
    if (a.endMs < b.endMs) i += 1;
    else j += 1;
  }
}

/** Milliseconds of pieces that do not overlap. */
export function total(united: readonly Interval[]): number {
  let ms = 0;
  for (const { startMs, endMs } of united) ms += endMs - startMs;
  return ms;
}

/** Does the piece share time with the window? An empty piece does when its instant lies in the window. */
export function touches(interval: Interval, window: Interval): boolean {
  if (interval.startMs >= window.endMs) return false;
  return interval.startMs === interval.endMs
    ? interval.startMs >= window.startMs
    : interval.endMs > window.startMs;
}
