import type { ClassFacts, Sweep } from './facts.ts';
import { type EventRef, isRemoval } from './traces.ts';

/** What shows that a connection without a left had ended by then (product §5, A connection). */
export interface Bound {
  atMs: number;
  by: 'sweep' | 'room_closed';
  removal: boolean;
  event: EventRef | null;
}

/** A connection without a left. */
export interface Unended {
  source: string;
  connection: string | null;
  rooms: ReadonlySet<string | null>;
  /** Its last proof of life. */
  lastMs: number;
  /** A closing counts as its end up to so much later. */
  withinMs: number;
}

/** Looks up its earliest bound. */
export type FindBound = (unended: Unended) => Bound | null;

/** Sweeps and closings of rooms, arranged so that a bound is found without reading them all again. */
export function bounds(facts: ClassFacts): FindBound {
  const sweeps = new Map<string, Sweep[]>();
  for (const sweep of facts.sweeps) if (sweep.ok) push(sweeps, sweep.source, sweep);
  for (const ofSource of sweeps.values()) ofSource.sort((a, b) => a.atMs - b.atMs);
  const closings = closingsByRoom(facts);

  return ({ source, connection, rooms, lastMs, withinMs }) => {
    // Meet lists fewer sessions than before without anybody having left.
    const sweepMs =
      source === 'meet' ? undefined : firstWithout(connection, sweeps.get(source) ?? [], lastMs)?.atMs;
    // Seen in several instances, it ended with the latest that can be its end: one more sighting never takes time away.
    const endBy = ({ atMs }: Bound): number =>
      atMs < (sweepMs ?? Number.POSITIVE_INFINITY) && atMs - lastMs <= withinMs ? atMs : lastMs;
    const [closing] = [...rooms]
      .flatMap((room) => closingFor(closings.get(roomKey(source, room)) ?? [], lastMs) ?? [])
      .sort((a, b) => endBy(b) - endBy(a) || inOrder(a, b));
    if (closing !== undefined && (sweepMs === undefined || closing.atMs < sweepMs)) return closing;
    return sweepMs === undefined ? null : { atMs: sweepMs, by: 'sweep', removal: false, event: null };
  };
}

/** A closing before `last` counts as `last`; of several the first that is not before it. */
function closingFor(closings: readonly Bound[], lastMs: number): Bound | null {
  const later = closings.find((closing) => closing.atMs >= lastMs);
  if (later !== undefined) return later;
  const latestMs = closings.at(-1)?.atMs;
  const earlier = closings.find((closing) => closing.atMs === latestMs);
  return earlier === undefined ? null : { ...earlier, atMs: lastMs };
}

/** By time; at one instant a closing that removed people comes first, then one that an event tells, then by id. */
function inOrder(a: Bound, b: Bound): number {
  return (
    a.atMs - b.atMs ||
    Number(b.removal) - Number(a.removal) ||
    Number(a.event === null) - Number(b.event === null) ||
    ((a.event?.id ?? '') < (b.event?.id ?? '') ? -1 : 1)
  );
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
  for (const ofRoom of closings.values()) ofRoom.sort(inOrder);
  return closings;
}

/**
 * The first sweep strictly after `ms` of a sorted list, found by bisection, that does not show the connection coming in. It
 * lists it neither, or that would be a later proof of life.
 */
function firstWithout(connection: string | null, sorted: readonly Sweep[], ms: number): Sweep | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.atMs ?? 0) > ms) high = middle;
    else low = middle + 1;
  }
  while (connection !== null && sorted[low]?.joining?.includes(connection)) low++;
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
