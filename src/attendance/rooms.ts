import type { ClassFacts } from './facts.ts';
import { type EventRef, isRemoval } from './traces.ts';

/** What shows that a connection without a left had ended by then (product §5, A connection). */
export interface Bound {
  atMs: number;
  by: 'sweep' | 'room_closed';
  removal: boolean;
  event: EventRef | null;
}

/** Looks up the earliest bound of a connection whose last proof of life is `lastMs`. */
export type FindBound = (source: string, rooms: ReadonlySet<string | null>, lastMs: number) => Bound | null;

/** Sweeps and closings of rooms, arranged so that a bound is found without reading them all again. */
export function bounds(facts: ClassFacts): FindBound {
  const sweeps = new Map<string, number[]>();
  for (const sweep of facts.sweeps) if (sweep.ok) push(sweeps, sweep.source, sweep.atMs);
  for (const instants of sweeps.values()) instants.sort((a, b) => a - b);
  const closings = closingsByRoom(facts);

  return (source, rooms, lastMs) => {
    let earliest: Bound | null = null;
    // Meet lists fewer sessions than before without anybody having left.
    const sweepMs = source === 'meet' ? undefined : firstAfter(sweeps.get(source) ?? [], lastMs);
    if (sweepMs !== undefined) earliest = { atMs: sweepMs, by: 'sweep', removal: false, event: null };
    for (const room of rooms) {
      const closing = closingFor(closings.get(roomKey(source, room)) ?? [], lastMs);
      if (closing !== null && (earliest === null || closing.atMs < earliest.atMs)) earliest = closing;
    }
    return earliest;
  };
}

/** A closing before `last` counts as `last`; of several the first that is not before it. */
function closingFor(closings: readonly Bound[], lastMs: number): Bound | null {
  const later = closings.find((closing) => closing.atMs >= lastMs);
  if (later !== undefined) return later;
  const earlier = closings.at(-1);
  return earlier === undefined ? null : { ...earlier, atMs: lastMs };
}

function closingsByRoom(facts: ClassFacts): Map<string, Bound[]> {
  const closings = new Map<string, Bound[]>();
  for (const event of facts.events) {
    if (event.kind !== 'room_closed') continue;
    push(closings, roomKey(event.source, event.room ?? null), {
      atMs: event.atMs,
      by: 'room_closed',
      removal: isRemoval(event.reason),
      event: { id: event.id, atMs: event.atMs },
    });
  }
  const listed = new Set<string>();
  for (const sweep of facts.sweeps) {
    if (!sweep.ok) continue;
    for (const { room, endMs } of sweep.rooms) {
      const key = roomKey(sweep.source, room);
      if (endMs === null || listed.has(`${key}\n${endMs}`)) continue;
      listed.add(`${key}\n${endMs}`);
      push(closings, key, { atMs: endMs, by: 'room_closed', removal: false, event: null });
    }
  }
  // At one instant a closing that removed people comes first, whatever arrived first; then by id.
  for (const ofRoom of closings.values()) {
    ofRoom.sort(
      (a, b) =>
        a.atMs - b.atMs ||
        Number(b.removal) - Number(a.removal) ||
        ((a.event?.id ?? '') < (b.event?.id ?? '') ? -1 : 1),
    );
  }
  return closings;
}

/** The first instant strictly after `ms` of a sorted list, by bisection. */
function firstAfter(sorted: readonly number[], ms: number): number | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) > ms) high = middle;
    else low = middle + 1;
  }
  return sorted[low];
}

function roomKey(source: string, room: string | null): string {
  return `${source}\n${room ?? ''}`;
}

function push<T>(into: Map<string, T[]>, key: string, value: T): void {
  const list = into.get(key);
  if (list === undefined) into.set(key, [value]);
  else list.push(value);
}
