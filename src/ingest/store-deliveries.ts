/** Stores signed deliveries of LiveKit, of whatever tenants: committed together or not at all. */
import { sql } from 'drizzle-orm';
import { type ClassRef, type Database, databaseUnavailable, type Tx } from '../db/client.ts';
import { DEFAULT_ROOM_PATTERN } from '../db/room-name.ts';
import type { RoomParticipant } from '../livekit/answer.ts';
import { type IdentityForm, readIdentity } from '../livekit/identity-form.ts';
import type { Delivery } from '../livekit/read-webhook.ts';
import { contentHash, type NewEvent } from './append-events.ts';
import { type MetInRoom, registerParticipants } from './livekit-identities.ts';

export interface SignedDelivery {
  delivery: Delivery;
  /** The tenant whose own the key is that signed. */
  keyTenant: string | null;
}

export interface StoredDelivery {
  as: 'accepted' | 'duplicate' | 'set_aside';
  /** The class whose room it is about. */
  ref: ClassRef | null;
  /** Its class has ended: it waits for evidence, or is settled and must be calculated again. */
  late: 'waiting' | 'settled' | null;
}

/** Remembers, for this server, who has been registered in which room already. */
export interface Registered {
  has(key: string): boolean;
  add(key: string): void;
}

type Evidence = Extract<Delivery, { kind: 'evidence' }>;

interface Told {
  [column: string]: unknown;
  stored_as: StoredDelivery['as'];
  tenant_id: string | null;
  class_id: string | null;
  identity_form: IdentityForm | null;
  late: StoredDelivery['late'];
}

/** One statement; a transaction of several only when somebody is met for the first time. */
export async function storeDeliveries(
  db: Database,
  batch: readonly SignedDelivery[],
  registered: Registered,
): Promise<StoredDelivery[]> {
  const strangers = batch
    .flatMap(({ delivery }) => keyOf(delivery) ?? [])
    .filter((key) => !registered.has(key));
  try {
    const told =
      strangers.length === 0
        ? await store(db.orm, batch)
        : await db.orm.transaction(async (tx) => {
            const stored = await store(tx, batch);
            await register(tx, batch, stored, registered);
            return stored;
          });
    for (const key of strangers) registered.add(key);
    return told.map(({ stored_as, tenant_id, class_id, late }) => ({
      as: stored_as,
      ref: tenant_id === null || class_id === null ? null : { tenantId: tenant_id, classId: class_id },
      late,
    }));
  } catch (error) {
    throw databaseUnavailable(error) ?? error;
  }
}

async function store(via: Pick<Tx, 'execute'>, batch: readonly SignedDelivery[]): Promise<Told[]> {
  const told = JSON.stringify(batch.map(row));
  return await via.execute<Told>(
    sql`select stored_as, tenant_id, class_id, identity_form, late
      from rollcall_store_deliveries(${told}::jsonb, ${DEFAULT_ROOM_PATTERN})`,
  );
}

/** As `rollcall_store_deliveries` takes it (drizzle/0001_livekit.sql). */
function row({ delivery, keyTenant }: SignedDelivery): Record<string, unknown> {
  const { eventId, event, roomName, raw, rawHash } = delivery;
  const common = {
    key_tenant: keyTenant,
    room_name: roomName,
    event_id: eventId,
    event,
    raw,
    raw_hash: rawHash,
  };
  if (delivery.kind === 'other') return { ...common, why: 'other' };
  if (delivery.kind === 'unusable') return { ...common, why: 'unusable', reason: delivery.reason };
  const rollcall = newEvent('', delivery, 'rollcall');
  const itqan = newEvent('', delivery, 'itqan');
  const hash = contentHash(rollcall);
  return {
    ...common,
    kind: rollcall.kind,
    at: new Date(rollcall.atMs),
    joined_at: rollcall.joinedAtMs === undefined ? null : new Date(rollcall.joinedAtMs),
    connection: rollcall.connection,
    room: rollcall.room,
    reason: rollcall.reason,
    identity: { rollcall: rollcall.identity, itqan: itqan.identity },
    // The class is compared beside it: whose the room is, only the database knows.
    hash: { rollcall: hash, itqan: itqan.identity === rollcall.identity ? hash : contentHash(itqan) },
  };
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

function keyOf(delivery: Delivery): string | null {
  const participant = participantOf(delivery);
  return participant === null ? null : `${delivery.roomName}\n${participant.identity}`;
}

/** Tenant by tenant, in one order for everybody. */
async function register(
  tx: Tx,
  batch: readonly SignedDelivery[],
  stored: readonly Told[],
  registered: Registered,
): Promise<void> {
  const met = new Map<string, { form: IdentityForm; met: MetInRoom[] }>();
  for (const [index, { delivery }] of batch.entries()) {
    const { tenant_id: tenantId, class_id: classId, identity_form: form } = stored[index] ?? {};
    const participant = participantOf(delivery);
    if (!participant || !tenantId || !classId || !form || registered.has(keyOf(delivery) ?? '')) continue;
    const ofTenant = met.get(tenantId) ?? { form, met: [] };
    ofTenant.met.push({ classId, participant });
    met.set(tenantId, ofTenant);
  }
  for (const [tenantId, { form, met: ofTenant }] of [...met].sort(([a], [b]) => (a < b ? -1 : 1))) {
    await tx.execute(sql`select set_config('app.tenant', ${tenantId}, true)`);
    await registerParticipants(tx, tenantId, form, ofTenant);
  }
}
