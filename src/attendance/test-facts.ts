import { calculateAttendance } from './calculate.ts';
import type { ClassFacts, EventKind, EvidenceEvent, ListedConnection, Moment, Sweep } from './facts.ts';
import { type Policy, PRESETS, type Preset } from './policy.ts';
import type { ClassAttendance, PersonAttendance } from './record.ts';

/** Scheduled start and end of the lesson in the tests: an hour on a Monday. Times are given relative to the start. */
export const S = Date.parse('2025-03-03T09:00:00.000Z');
export const SEC = 1_000;
export const MIN = 60 * SEC;
export const HOUR = 60 * MIN;
export const DAY = 24 * HOUR;
export const E = S + HOUR;

export const TEACHER = 'teacher';
export const AMAL = 'amal';
export const BASMA = 'basma';

/** A tenant's own source that declared itself complete, for tests about anything but completeness. */
export const COMPLETE = { name: 'zoom', kind: 'in_call', declaredComplete: true } as const;

export function policy(preset: Preset, changes: Partial<Policy> = {}): Policy {
  return { ...PRESETS[preset], ...changes };
}

/** One teacher, two students, LiveKit, itqan, evidence complete; everybody's identity is their own name. */
export function classFacts(changes: Partial<ClassFacts> = {}): ClassFacts {
  return {
    classId: 'class-1',
    provider: 'livekit',
    startMs: S,
    endMs: E,
    nextClassStartMs: null,
    pollMs: 180 * SEC,
    verifyMs: 120 * SEC,
    graceMs: 300 * SEC,
    policy: policy('itqan'),
    roster: [
      { personId: TEACHER, role: 'teacher' },
      { personId: AMAL, role: 'student' },
      { personId: BASMA, role: 'student' },
    ],
    sources: [COMPLETE],
    identities: ['meet', 'livekit', 'zoom', 'whiteboard'].flatMap((source) =>
      [TEACHER, AMAL, BASMA].map((personId) => ({
        source,
        identity: personId,
        state: 'matched' as const,
        personId,
        human: true,
      })),
    ),
    events: [],
    sweeps: [],
    ...changes,
  };
}

export type EventChanges = Partial<Omit<EvidenceEvent, 'kind' | 'atMs'>>;

/**
 * An event `atMs` after the start, on a connection named after who it is. Its ids are made of its content, so that the
 * same event twice is a duplicate. Null takes a field away.
 */
export function event(
  kind: EventKind,
  identity: string,
  atMs: number,
  changes: { [K in keyof EventChanges]: EventChanges[K] | null } = {},
): EvidenceEvent {
  const given = {
    source: 'livekit',
    identity,
    connection: `${identity}-1`,
    room: 'room-1',
    ...changes,
  };
  const fields = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  const id = `${kind} ${atMs} ${JSON.stringify(fields)}`;
  return { id, sourceEventId: id, kind, atMs: S + atMs, source: 'livekit', ...fields };
}

/** Joined and left on a connection of their own. */
export function stay(
  identity: string,
  fromMs: number,
  toMs: number,
  changes: Parameters<typeof event>[3] = {},
): EvidenceEvent[] {
  const connection = `${identity}-${fromMs}-${toMs}`;
  const { reason, ...joined } = changes;
  return [
    event('joined', identity, fromMs, { connection, ...joined }),
    event('left', identity, toMs, { connection, ...joined, ...(reason === undefined ? {} : { reason }) }),
  ];
}

/** A listing `atMs` after the start of who is in the room now. */
export function sweep(atMs: number, listed: string[] = [], changes: Partial<Sweep> = {}): Sweep {
  return {
    id: `sweep ${changes.source ?? 'livekit'} ${atMs}`,
    source: 'livekit',
    atMs: S + atMs,
    ok: true,
    scope: 'present',
    roomExisted: true,
    rooms: [],
    connections: listed.map((identity) => listing(identity, atMs, null)),
    ...changes,
  };
}

/** A connection as a sweep lists it, on the connection that `event` gives the same identity. */
export function listing(identity: string, startMs: number, endMs: number | null): ListedConnection {
  return {
    connection: `${identity}-1`,
    room: 'room-1',
    identity,
    startMs: S + startMs,
    endMs: endMs === null ? null : S + endMs,
  };
}

/** A whole answer of Meet. */
export function meetAnswer(
  atMs: number,
  connections: ListedConnection[],
  rooms: { startMs: number; endMs: number | null }[] = [{ startMs: S, endMs: null }],
): Sweep {
  return sweep(atMs, [], {
    source: 'meet',
    scope: 'all',
    connections,
    rooms: rooms.map((room, index) => ({ room: `room-${index + 1}`, ...room })),
  });
}

export const SETTLED: Moment = { kind: 'settled' };

/** The class as calculated; the hash is the canonical text itself. */
export function calculate(changes: Partial<ClassFacts>, moment: Moment = SETTLED): ClassAttendance {
  return calculateAttendance(classFacts(changes), moment, (canonical) => canonical);
}

/** One person's record. */
export function record(
  changes: Partial<ClassFacts>,
  personId: string = AMAL,
  moment: Moment = SETTLED,
): PersonAttendance {
  const found = calculate(changes, moment).people.find((person) => person.personId === personId);
  if (found === undefined) throw new Error(`nobody called ${personId} is on the roster`);
  return found;
}
