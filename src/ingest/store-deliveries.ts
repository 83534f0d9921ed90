/** Stores signed deliveries of LiveKit, of whatever tenants: committed together or not at all. */
import type { PendingQuery, Sql } from 'postgres';
import { type ClassRef, type Database, databaseUnavailable } from '../db/client.ts';
import { DEFAULT_ROOM_PATTERN } from '../db/room-name.ts';
import type { RoomParticipant } from '../livekit/answer.ts';
import { type IdentityForm, readIdentity } from '../livekit/identity-form.ts';
import type { Delivery } from '../livekit/read-webhook.ts';
import { contentHash, type NewEvent } from './append-events.ts';
import { asMet } from './livekit-identities.ts';

export interface SignedDelivery {
  delivery: Delivery;
  /** The tenant whose own the key is that signed. */
  keyTenant: string | null;
}

export interface StoredDelivery {
  as: 'accepted' | 'duplicate' | 'set_aside';
  /** Null: it is nobody's. */
  tenantId: string | null;
  /** The class whose room it is about. */
  ref: ClassRef | null;
  /** Its class has ended: it waits for evidence, or is settled and must be calculated again. */
  late: 'waiting' | 'settled' | null;
}

/** Whose a room is, and how that tenant writes identities. */
export interface Place {
  tenantId: string;
  classId: string;
  form: IdentityForm;
}

/** What one server remembers: of a room, whose it is; of somebody in it, where they have been registered last. */
export interface Remembered {
  get(key: string): Place | undefined;
  set(key: string, place: Place): void;
  delete(key: string): void;
}

/** So many rooms, and people in them. */
const MOST_REMEMBERED = 50_000;

/** Forgets the oldest: asking whose a room is, or registering somebody, a second time does no harm. */
export function createMemory(): Remembered {
  const kept = new Map<string, Place>();
  return {
    get: (key) => kept.get(key),
    delete: (key) => void kept.delete(key),
    set(key, place) {
      kept.set(key, place);
      if (kept.size <= MOST_REMEMBERED) return;
      const [oldest] = kept.keys();
      if (oldest !== undefined) kept.delete(oldest);
    },
  };
}

type Evidence = Extract<Delivery, { kind: 'evidence' }>;

interface Told {
  stored_as: StoredDelivery['as'];
  tenant_id: string | null;
  class_id: string | null;
  identity_form: IdentityForm | null;
  late: StoredDelivery['late'];
}

/**
 * One statement, which registers whoever is met for the first time. Whoever watches is not told of it
 * (drizzle/0008_told_later.sql).
 */
export async function storeDeliveries(
  { sql }: Pick<Database, 'sql'>,
  batch: readonly SignedDelivery[],
  remembered: Remembered,
): Promise<StoredDelivery[]> {
  const rooms = batch.map(roomOf);
  const owners = rooms.map((room) => remembered.get(room));
  const people = batch.map((one, index) => whoIn(one, rooms[index]));
  // As it is now: while this is stored, others are registered and forgotten.
  const known = people.map((who) => (who === null ? undefined : remembered.get(who)));
  const newcomers = batch.flatMap((one, index) => {
    const participant = participantOf(one.delivery);
    return participant && known[index] === undefined ? [{ n: index + 1, participant }] : [];
  });
  try {
    const told = await (newcomers.length === 0
      ? stored(sql, batch, owners)
      : storedAndRegistered(sql, batch, owners, newcomers));
    const places = told.map(placeOf);
    const moved = metElsewhere(batch, places, known);
    if (moved.length > 0)
      await sql`select rollcall_register_participants(${JSON.stringify(moved)}::text::jsonb, tells => false)`;
    for (const [index, place] of places.entries()) {
      if (place === null) continue;
      remember(remembered, rooms[index], place);
      remember(remembered, people[index], place);
    }
    return told.map(({ stored_as, tenant_id, class_id, late }) => ({
      as: stored_as,
      tenantId: tenant_id,
      ref: tenant_id === null || class_id === null ? null : { tenantId: tenant_id, classId: class_id },
      late,
    }));
  } catch (error) {
    const away = databaseUnavailable(error);
    if (away !== null || !owners.some((owner) => owner !== undefined)) throw away ?? error;
    // What was remembered may be why: a class gives up its room when it moves to another provider.
    for (const room of rooms) remembered.delete(room);
    return await storeDeliveries({ sql }, batch, remembered);
  }
}

function stored(
  sql: Sql,
  batch: readonly SignedDelivery[],
  owners: readonly (Place | undefined)[],
): PendingQuery<Told[]> {
  const rows = batch.map(row);
  const all = (column: keyof Row): string => arrayLiteral(rows.map((one) => one[column] ?? null));
  return sql<
    Told[]
  >`select n, stored_as, tenant_id, class_id, identity_form, late from rollcall_store_deliveries(
    default_pattern => ${DEFAULT_ROOM_PATTERN}, tenants => ${arrayLiteral(owners.map((owner) => owner?.tenantId ?? null))},
    class_ids => ${arrayLiteral(owners.map((owner) => owner?.classId ?? null))},
    key_tenants => ${all('keyTenant')}, room_names => ${all('roomName')},
    event_ids => ${all('eventId')}, events => ${all('event')}, raws => ${all('raw')}, whys => ${all('why')}, reasons => ${all('reason')}, kinds => ${all('kind')}, ats => ${all('atMs')},
    joined_ats => ${all('joinedAtMs')}, connections => ${all('connection')}, rooms => ${all('room')},
    identities => ${all('identity')}, hashes => ${all('hash')}, itqan_identities => ${all('itqanIdentity')},
    itqan_hashes => ${all('itqanHash')})`;
}

/** Whose class it is, and how that tenant writes identities, only the statement itself finds out. */
function storedAndRegistered(
  sql: Sql,
  batch: readonly SignedDelivery[],
  owners: readonly (Place | undefined)[],
  newcomers: readonly { n: number; participant: RoomParticipant }[],
): PendingQuery<Told[]> {
  const met = newcomers.map(({ n, participant }) => ({
    n,
    as_form: { rollcall: asMet('rollcall', participant), itqan: asMet('itqan', participant) },
  }));
  return sql<Told[]>`
    with told as materialized (${stored(sql, batch, owners)}), registered as materialized (
      select rollcall_register_participants(tells => false, met => jsonb_agg((met.as_form -> told.identity_form)
        || jsonb_build_object('tenant_id', told.tenant_id, 'class_id', told.class_id)))
      from told join jsonb_to_recordset(${JSON.stringify(met)}::text::jsonb) as met (n integer, as_form jsonb) using (n)
      where told.class_id is not null
    )
    select told.* from told, registered order by told.n`;
}

/**
 * As PostgreSQL writes an array. JSON is the same but for its brackets and control characters, and writing it costs
 * about half of looking in each value for what must be escaped.
 */
function arrayLiteral(values: readonly (string | number | null)[]): string {
  if (values.every((value) => value === null)) return '{}';
  const json = JSON.stringify(values);
  if (!/\\[^"\\]/.test(json)) return `{${json.slice(1, -1)}}`;
  const escaped = values.map((value) =>
    value === null ? 'NULL' : `"${String(value).replaceAll(/["\\]/g, '\\$&')}"`,
  );
  return `{${escaped.join()}}`;
}

/** What `rollcall_store_deliveries` takes (drizzle/0013_claimed_by_key.sql), where there is anything to say. */
interface Row {
  keyTenant: string | null;
  roomName: string | null;
  eventId: string;
  event: string | null;
  raw: string;
  /** Why it is no evidence. */
  why?: 'other' | 'unusable';
  reason?: string | undefined;
  kind?: string;
  atMs?: number;
  joinedAtMs?: number | undefined;
  connection?: string | undefined;
  room?: string | undefined;
  identity?: string | undefined;
  hash?: string;
  /** Both as Itqan's form of identities has them, where that makes a difference. */
  itqanIdentity?: string | undefined;
  itqanHash?: string;
}

function row({ delivery, keyTenant }: SignedDelivery): Row {
  const { eventId, event, roomName, raw } = delivery;
  const common = { keyTenant, roomName, eventId, event, raw };
  if (delivery.kind === 'other') return { ...common, why: 'other' };
  if (delivery.kind === 'unusable') return { ...common, why: 'unusable', reason: delivery.reason };
  const told = newEvent('', delivery, 'rollcall');
  const itqan = told.identity?.includes('_') ? newEvent('', delivery, 'itqan') : told;
  const { kind, atMs, joinedAtMs, connection, room, reason, identity } = told;
  // The class is compared beside the hash: whose the room is, only the database knows.
  const hash = contentHash(told);
  const row = { ...common, kind, atMs, joinedAtMs, connection, room, reason, identity, hash };
  return itqan.identity === identity
    ? row
    : { ...row, itqanIdentity: itqan.identity, itqanHash: contentHash(itqan) };
}

/** What the rules look at. Nobody who was in the room is named by the event itself: the identity says who it is. */
export function newEvent(classId: string, { eventId, evidence }: Evidence, form: IdentityForm): NewEvent {
  const { participant, ...told } = evidence;
  return {
    classId,
    source: 'livekit',
    sourceEventId: eventId,
    ...told,
    ...(participant === undefined ? {} : { identity: readIdentity(form, participant.identity).identity }),
  };
}

const participantOf = (delivery: Delivery): RoomParticipant | null =>
  delivery.kind === 'evidence' ? (delivery.evidence.participant ?? null) : null;

/** A room, as one key says so: another tenant's key opens another room of that name. No name has a NUL in it. */
const roomOf = ({ delivery, keyTenant }: SignedDelivery): string =>
  `${keyTenant ?? ''}\0${delivery.roomName ?? ''}`;

function whoIn({ delivery }: SignedDelivery, room: string | undefined): string | null {
  const participant = participantOf(delivery);
  return participant === null ? null : `${room}\0${participant.identity}`;
}

const placeOf = ({ tenant_id, class_id, identity_form }: Told): Place | null =>
  tenant_id === null || class_id === null || identity_form === null
    ? null
    : { tenantId: tenant_id, classId: class_id, form: identity_form };

const isSame = (one: Place, other: Place): boolean =>
  one.classId === other.classId && one.tenantId === other.tenantId && one.form === other.form;

/** What is set lives on, in the old generation: not anew for each delivery. */
function remember(remembered: Remembered, key: string | null | undefined, place: Place): void {
  if (key == null) return;
  const before = remembered.get(key);
  if (before === undefined || !isSame(before, place)) remembered.set(key, place);
}

/** Who is known, but not there: the room has got another class since, or the tenant another form of identities. */
function metElsewhere(
  batch: readonly SignedDelivery[],
  places: readonly (Place | null)[],
  known: readonly (Place | undefined)[],
) {
  return batch.flatMap((one, index) => {
    const place = places[index];
    const participant = participantOf(one.delivery);
    const where = known[index];
    return participant && place && where && !isSame(where, place)
      ? [{ tenant_id: place.tenantId, class_id: place.classId, ...asMet(place.form, participant) }]
      : [];
  });
}
