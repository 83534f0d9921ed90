/** What one listing of a LiveKit room would change in what the rules make of the evidence of its class. */
import { type Connection, connections, type Mark } from '../attendance/connections.ts';
import type { ClassFacts, IdentityFact, Sweep } from '../attendance/facts.ts';
import type { Who } from '../attendance/who.ts';
import type { RoomListing } from '../livekit/answer.ts';
import { type IdentityForm, readIdentity } from '../livekit/identity-form.ts';

export type RoomChange = { connection: string; who: Who } & (
  | { kind: 'not_in_log'; sinceMs: number }
  /** The evidence has an end that did not happen. */
  | { kind: 'left_in_log'; leftMs: number }
  /** The evidence has somebody in the room who is not there; this is the end that will be taken for it. */
  | { kind: 'not_listed'; endMs: number; mark: Mark }
);

export interface RoomChanges {
  changes: RoomChange[];
  /** People in the room, each once. */
  present: number;
}

/**
 * @param facts as they are without the listing
 * @param known persons of the tenant, by id: an identity of one of our tokens is theirs when it is met
 */
export function roomChanges(
  facts: ClassFacts,
  listing: RoomListing,
  { form, known }: { form: IdentityForm; known: { has(personId: string): boolean } },
): RoomChanges {
  const sweep = sweepOf(listing, form);
  const met = { ...facts, identities: [...facts.identities, ...strangersIn(facts, listing, form, known)] };
  const listed = new Map(sweep.connections.map((one) => [one.connection, one]));
  const moment = { kind: 'live', nowMs: listing.atMs } as const;
  const changes: RoomChange[] = [];
  const inRoom = new Set<Who | string>();
  for (const [connection, own] of factsByConnection({ ...met, sweeps: [...met.sweeps, sweep] })) {
    const before = connections({ ...own, sweeps: own.sweeps.filter((one) => one.id !== sweep.id) }, moment);
    const after = connections(own, moment);
    const [is] = after;
    // Machines have no connections.
    if (is === undefined) continue;
    const { who } = is;
    const there = listed.get(connection);
    if (there !== undefined) inRoom.add(who.kind === 'person' ? who.personId : who.identity);
    const wasIn = before.some(({ connected }) => connected);
    if (there === undefined && wasIn && !after.some(({ connected }) => connected)) {
      changes.push({ kind: 'not_listed', connection, who, endMs: is.endMs, mark: is.mark });
    } else if (there !== undefined && before.length === 0) {
      changes.push({ kind: 'not_in_log', connection, who, sinceMs: there.startMs });
    } else if (there !== undefined && !wasIn) {
      changes.push({ kind: 'left_in_log', connection, who, leftMs: lastEnd(before) });
    }
  }
  return { changes, present: inRoom.size };
}

const lastEnd = (ended: readonly Connection[]): number => Math.max(...ended.map(({ endMs }) => endMs));

/** As it will be stored. */
function sweepOf(listing: RoomListing, form: IdentityForm): Sweep {
  return {
    id: 'the listing',
    source: 'livekit',
    atMs: listing.atMs,
    ok: true,
    scope: 'present',
    roomExisted: listing.roomExisted,
    rooms: listing.rooms,
    connections: listing.connections.map((one) => ({
      ...one,
      identity: readIdentity(form, one.identity).identity,
    })),
    joining: listing.joining,
  };
}

/** Whom the listing shows for the first time, as they will be registered. */
function strangersIn(
  facts: ClassFacts,
  { participants }: RoomListing,
  form: IdentityForm,
  known: { has(personId: string): boolean },
): IdentityFact[] {
  const met = new Set(
    facts.identities.filter(({ source }) => source === 'livekit').map(({ identity }) => identity),
  );
  return participants.flatMap(({ identity: raw, kind }): IdentityFact[] => {
    const { identity, personId } = readIdentity(form, raw);
    if (met.has(identity)) return [];
    const stranger = { source: 'livekit', identity, human: kind !== 'machine' };
    return personId !== null && known.has(personId)
      ? [{ ...stranger, state: 'matched', personId }]
      : [{ ...stranger, state: 'unmatched' }];
  });
}

/** The evidence of LiveKit about one connection after the other, each with the closing of rooms and every listing. */
function factsByConnection(facts: ClassFacts): Map<string, ClassFacts> {
  const events = facts.events.filter(({ source }) => source === 'livekit');
  const sweeps = facts.sweeps.filter(({ source }) => source === 'livekit');
  const keys = new Set([
    ...events.flatMap(({ connection }) => connection ?? []),
    ...sweeps.flatMap(({ ok, connections: listed }) => (ok ? listed.map((one) => one.connection) : [])),
  ]);
  const ofRoom = events.filter(({ kind }) => kind === 'room_opened' || kind === 'room_closed');
  return new Map(
    [...keys].map((key) => [
      key,
      {
        ...facts,
        events: [...ofRoom, ...events.filter(({ connection }) => connection === key)],
        sweeps: sweeps.map((sweep) => ({
          ...sweep,
          connections: sweep.connections.filter(({ connection }) => connection === key),
        })),
      },
    ]),
  );
}
