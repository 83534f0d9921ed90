import { countingWindow } from './counting-window.ts';
import type { ClassFacts, Moment } from './facts.ts';
import type { Interval } from './intervals.ts';
import { type Bound, bounds, type FindBound } from './rooms.ts';
import { type EventRef, type Sign, type Trace, traces } from './traces.ts';
import { SILENCE_MS, WHITEBOARD } from './whiteboard-silence.ts';
import type { Who } from './who.ts';

/** How an end was found: told by the source, inferred, estimated, or not at all (product §5, the table of ends). */
export type Mark = 'told' | 'inferred' | 'estimated' | 'open';

/** One unbroken technical presence. */
export interface Connection {
  source: string;
  who: Who;
  /** Null: only a left is known, without its beginning; that gives no presence. */
  beginMs: number | null;
  endMs: number;
  mark: Mark;
  /** Time in which it may have gone on (or, without a beginning, may have been there already), not clipped. */
  possible: Interval | null;
  /** Live, and nothing says that it has ended. */
  connected: boolean;
  /** It ended because somebody removed the participant or deleted the room. */
  removed: boolean;
  /** No event tells of its beginning: it was found by listing the room. */
  onlyListed: boolean;
  /** No event tells of its end: it was found to be gone by listing the room. */
  foundGone: boolean;
  /** Spans of heartbeats, first to last. */
  heartbeats: Interval[];
  events: EventRef[];
}

interface Surroundings {
  window: Interval;
  nowMs: number | null;
  /** The interval at which the source is checked, `poll_seconds` for Meet, else `verify_seconds`. */
  checkMs: (source: string) => number;
  findBound: FindBound;
}

/** Every connection in the evidence, of persons and of guests, whatever the source. */
export function connections(facts: ClassFacts, moment: Moment): Connection[] {
  const around: Surroundings = {
    window: countingWindow(facts),
    nowMs: moment.kind === 'live' ? moment.nowMs : null,
    checkMs: (source) => (source === 'meet' ? facts.pollMs : facts.verifyMs),
    findBound: bounds(facts),
  };
  const found: Connection[] = [];
  for (const trace of traces(facts)) {
    const connection = conclude(trace, around);
    if (connection !== null) found.push(connection);
  }
  return found.sort(byTime);
}

/**
 * Evidence arrives in any order; what is said about connections is in the order of their times. Whatever makes two
 * connections read differently is compared, so that of two alike it does not matter which comes first.
 */
function byTime(a: Connection, b: Connection): number {
  return (
    (a.beginMs ?? a.endMs) - (b.beginMs ?? b.endMs) ||
    a.endMs - b.endMs ||
    Number(a.beginMs === null) - Number(b.beginMs === null) ||
    compareText(a.source, b.source) ||
    compareText(a.mark, b.mark)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Begin, end and mark of one connection; null when there is nothing but an aborted, which alone is no presence. */
function conclude(trace: Trace, around: Surroundings): Connection | null {
  const lives = trace.signs.filter((sign) => sign.kind === 'life');
  const beginMs = beginning(trace.signs, lives);
  const ends = trace.signs.filter(
    (sign) => sign.kind === 'left' || (sign.kind === 'aborted' && beginMs !== null),
  );
  if (beginMs === null && ends.length === 0) return null;

  const base = {
    source: trace.source,
    who: trace.who,
    beginMs,
    connected: false,
    foundGone: false,
    onlyListed: beginMs !== null && !trace.signs.some(tellsOfBeginning),
    heartbeats: lives
      .filter((sign) => sign.heartbeat)
      .map((sign) => ({ startMs: sign.atMs, endMs: sign.untilMs })),
    events: trace.signs.flatMap((sign) => sign.event ?? []),
  };
  const leftMs = latest(ends.map((sign) => sign.atMs));
  const lastMs = latest([...lives.map((sign) => sign.untilMs), beginMs ?? Number.NEGATIVE_INFINITY]);
  if (beginMs === null) {
    const possible = { startMs: trace.notBeforeMs, endMs: leftMs };
    return { ...base, endMs: leftMs, mark: 'estimated', possible, removed: false };
  }
  if (ends.length > 0) {
    // The latest left says how it ended, also when a sighting on its way is a little later.
    const removed = ends.some((sign) => sign.removal && sign.atMs === leftMs);
    return { ...base, endMs: Math.max(leftMs, lastMs), mark: 'told', possible: null, removed };
  }
  const withinMs = 2 * around.checkMs(trace.source);
  const { source, connection, signs } = trace;
  const bound = around.findBound({ source, connection, rooms: roomsOf(signs), lastMs, withinMs });
  const events = bound?.event ? [...base.events, bound.event] : base.events;
  return { ...base, events, ...endWithoutLeft(trace.source, lastMs, bound, withinMs, around) };
}

type End = Pick<Connection, 'endMs' | 'mark' | 'possible' | 'connected' | 'removed' | 'foundGone'>;

/** The table of ends (product §5), first row that fits. */
function endWithoutLeft(
  source: string,
  lastMs: number,
  bound: Bound | null,
  withinMs: number,
  { window, nowMs }: Surroundings,
): End {
  const foundGone = bound?.by === 'sweep' && lastMs < window.endMs;
  const end = { endMs: lastMs, possible: null, connected: false, removed: false, foundGone };
  const alive = nowMs !== null && bound === null && !(source === WHITEBOARD && nowMs - lastMs > SILENCE_MS);
  if (alive) {
    const endMs = Math.max(lastMs, nowMs);
    return { ...end, endMs, mark: lastMs >= window.endMs ? 'told' : 'open', connected: true };
  }
  if (lastMs >= window.endMs) return { ...end, mark: 'told' };
  if (source === WHITEBOARD) return { ...end, mark: 'inferred' };
  if (bound === null) {
    return { ...end, mark: 'open', possible: { startMs: lastMs, endMs: Number.POSITIVE_INFINITY } };
  }
  if (bound.atMs - lastMs > withinMs) {
    return { ...end, mark: 'estimated', possible: { startMs: lastMs, endMs: bound.atMs } };
  }
  return bound.by === 'sweep'
    ? { ...end, mark: 'inferred' }
    : { ...end, endMs: bound.atMs, mark: 'inferred', removed: bound.removal };
}

/**
 * The first proof of life, or what the source tells of the beginning if that is earlier. An aborted tells a beginning
 * only to a connection with another sign of life.
 */
function beginning(signs: readonly Sign[], lives: readonly Sign[]): number | null {
  const alive = lives.length > 0;
  let beginMs = Number.POSITIVE_INFINITY;
  for (const sign of signs) {
    if (sign.kind === 'life') beginMs = Math.min(beginMs, sign.atMs);
    if (sign.joinedAtMs !== null && (alive || sign.kind !== 'aborted')) {
      beginMs = Math.min(beginMs, sign.joinedAtMs);
    }
  }
  return Number.isFinite(beginMs) ? beginMs : null;
}

/** Does an event show, or say, when it was there first? */
function tellsOfBeginning({ event, kind, joinedAtMs }: Sign): boolean {
  return event !== null && (kind === 'life' || joinedAtMs !== null);
}

/** The room instances it was in; a sign that names none is in the one that has no name. */
function roomsOf(signs: readonly Sign[]): Set<string | null> {
  return new Set(signs.map(({ room }) => room));
}

function latest(instants: readonly number[]): number {
  let ms = Number.NEGATIVE_INFINITY;
  for (const instant of instants) ms = Math.max(ms, instant);
  return ms;
}
