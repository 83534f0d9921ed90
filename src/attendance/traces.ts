import { splitAtLefts } from './default-connection.ts';
import type { ClassFacts, EvidenceEvent, ListedConnection, Sweep } from './facts.ts';
import { splitAtSilence, WHITEBOARD } from './whiteboard-silence.ts';
import { acquaintance, type Who } from './who.ts';

/**
 * One thing that the evidence says about a connection. `life`: it was there from `atMs` to `untilMs` (joined, seen,
 * heartbeat, listed as going on). `left` and `aborted`: it ended at `atMs`, which is no proof that it was there.
 */
export interface Sign {
  kind: 'life' | 'left' | 'aborted';
  atMs: number;
  untilMs: number;
  joinedAtMs: number | null;
  joined: boolean;
  heartbeat: boolean;
  /** It ended because somebody removed the participant or deleted the room. */
  removal: boolean;
  room: string | null;
  /** Null for a listing in a sweep. */
  event: EventRef | null;
  who: Who | null;
}

/** An event of the log that a record rests on. */
export interface EventRef {
  id: string;
  atMs: number;
}

/** All signs of one connection of one person or guest. */
export interface Trace {
  source: string;
  /** Null for the default connection of somebody whose events carry no connection key. */
  connection: string | null;
  who: Who;
  signs: Sign[];
  /** When a left has no beginning, it cannot have begun before this. */
  notBeforeMs: number;
}

const REMOVALS: ReadonlySet<string> = new Set(['PARTICIPANT_REMOVED', 'ROOM_DELETED']);

/** Is this one of LiveKit's names for being thrown out? */
export function isRemoval(reason: string | undefined): boolean {
  return reason !== undefined && REMOVALS.has(reason);
}

/**
 * Pairs events and listings by connection key, never by who it was and never by order of arrival (product §4, §5).
 * Machines leave no trace.
 */
export function traces(facts: ClassFacts): Trace[] {
  const { whoIs } = acquaintance(facts);
  const groups = new Map<string, { source: string; connection: string | null; signs: Sign[] }>();

  const add = (source: string, connection: string | undefined, sign: Sign): void => {
    if (connection === undefined && sign.who === null) return; // about nobody: nothing can be paired with it
    const key =
      connection === undefined ? `default\n${source}\n${keyOf(sign.who)}` : `keyed\n${source}\n${connection}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { source, connection: connection ?? null, signs: [sign] });
    else group.signs.push(sign);
  };

  for (const event of facts.events) {
    if (event.kind === 'room_opened' || event.kind === 'room_closed') continue;
    const who = whoIs(event.source, event.personId, event.identity);
    if (who !== 'machine') add(event.source, event.connection, signOfEvent(event, who));
  }
  for (const sweep of facts.sweeps) {
    if (!sweep.ok) continue;
    for (const listed of sweep.connections) {
      const who = whoIs(sweep.source, undefined, listed.identity);
      if (who !== 'machine') add(sweep.source, listed.connection, signOfListing(sweep, listed, who));
    }
  }

  const found: Trace[] = [];
  for (const { source, connection, signs } of groups.values()) {
    for (const [who, own] of owners(signs)) {
      const trace: Trace = { source, connection, who, signs: own, notBeforeMs: Number.NEGATIVE_INFINITY };
      const parts = connection === null ? splitAtLefts(trace) : [trace];
      for (const part of parts) found.push(...(source === WHITEBOARD ? splitAtSilence(part) : [part]));
    }
  }
  return found;
}

/**
 * Whose connection is it? Everybody whom its events name has it, with the signs that name nobody; somebody unmatched
 * only when no person is named, because then the connection key already says who it was. So evidence about one person
 * never takes anything from another.
 */
function owners(signs: Sign[]): [Who, Sign[]][] {
  const named = new Set<Who>();
  for (const { who } of signs) if (who !== null) named.add(who);
  const [only, ...others] = named;
  if (only === undefined) return [];
  if (others.length === 0) return [[only, signs]];
  const persons = [...named].filter((who) => who.kind === 'person');
  if (persons.length === 0) {
    return [...named].map((who) => [who, signs.filter((sign) => sign.who === who || sign.who === null)]);
  }
  return persons.map((who) => [who, signs.filter((sign) => sign.who === who || sign.who?.kind !== 'person')]);
}

function keyOf(who: Who | null): string {
  if (who === null) return '';
  return who.kind === 'person' ? `person\n${who.personId}` : `guest\n${who.identity}`;
}

function signOfEvent(event: EvidenceEvent, who: Who | null): Sign {
  return {
    kind: event.kind === 'left' || event.kind === 'aborted' ? event.kind : 'life',
    atMs: event.atMs,
    untilMs: Math.max(event.atMs, event.untilMs ?? event.atMs),
    // Providers write 0 for "not known"; nobody joined in 1970.
    joinedAtMs: event.joinedAtMs !== undefined && event.joinedAtMs > 0 ? event.joinedAtMs : null,
    joined: event.kind === 'joined',
    heartbeat: event.kind === 'heartbeat',
    removal: isRemoval(event.reason),
    room: event.room ?? null,
    event: { id: event.id, atMs: event.atMs },
    who,
  };
}

/**
 * Being listed as going on is life at the sweep's instant, or at the beginning where that is later: answering takes
 * time, and whoever came meanwhile was not there before. Being listed with an end is a left.
 */
function signOfListing(sweep: Sweep, listed: ListedConnection, who: Who | null): Sign {
  const atMs = listed.endMs ?? Math.max(sweep.atMs, listed.startMs);
  return {
    kind: listed.endMs === null ? 'life' : 'left',
    atMs,
    untilMs: atMs,
    joinedAtMs: listed.startMs > 0 ? listed.startMs : null,
    joined: false,
    heartbeat: false,
    removal: false,
    room: listed.room ?? null,
    event: null,
    who,
  };
}
