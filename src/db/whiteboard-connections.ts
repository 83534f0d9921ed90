/** Connections to whiteboards: found, opened, kept and closed. Their signs of life come from the servers, gathered. */
import { and, eq, gte, isNull, ne, sql } from 'drizzle-orm';
import type { EvidenceEvent } from '../attendance/facts.ts';
import { appendEvents } from '../ingest/append-events.ts';
import { type ClassRef, type Database, databaseUnavailable, type Tx } from './client.ts';
import { type CloseReason, whiteboardConnections } from './schema.ts';

type ConnectionRow = typeof whiteboardConnections.$inferSelect;

export interface OpenConnection {
  id: string;
  connectedMs: number;
  lastSeenMs: number;
}

export interface WhosConnection {
  ref: ClassRef;
  personId: string;
  /** What the client calls it. */
  name: string;
}

const of = ({ tenantId, classId }: ClassRef) =>
  and(eq(whiteboardConnections.tenantId, tenantId), eq(whiteboardConnections.classId, classId));

/** The open connection of that name, made when there is none: said twice it changes nothing. From now on it is of `instance`. */
export async function openConnection(
  tx: Tx,
  { ref, personId, name }: WhosConnection,
  { instance, atMs, aliveMs, id }: { instance: string; atMs: number; aliveMs: number; id?: string },
): Promise<OpenConnection> {
  // Two that connect at once take turns.
  await tx.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${`${ref.classId} ${personId} ${name}`}, 0))`,
  );
  const at = new Date(atMs);
  const [known] = await tx
    .update(whiteboardConnections)
    .set({
      instance,
      lastSeenAt: sql`greatest(${whiteboardConnections.lastSeenAt}, ${at.toISOString()}::timestamptz)`,
    })
    .where(and(of(ref), ofName({ personId, name }), gte(whiteboardConnections.lastSeenAt, new Date(aliveMs))))
    .returning();
  if (known) return opened(known);
  const [row] = await tx
    .insert(whiteboardConnections)
    .values({
      ...(id === undefined ? {} : { id }),
      ...ref,
      personId,
      name,
      instance,
      connectedAt: at,
      lastSeenAt: at,
    })
    .returning();
  if (!row) throw new Error('the connection was not stored');
  await appendEvents(tx, ref.tenantId, [
    {
      classId: ref.classId,
      source: 'whiteboard',
      sourceEventId: `${row.id}:joined`,
      kind: 'joined',
      atMs,
      connection: row.id,
      personId,
    },
  ]);
  return opened(row);
}

const opened = ({ id, connectedAt, lastSeenAt }: ConnectionRow): OpenConnection => ({
  id,
  connectedMs: connectedAt.getTime(),
  lastSeenMs: lastSeenAt.getTime(),
});

/** The open connection of that name, if there is one. */
export async function findOpenConnection(
  tx: Tx,
  { ref, personId, name }: WhosConnection,
): Promise<OpenConnection | null> {
  const [row] = await tx
    .select()
    .from(whiteboardConnections)
    .where(and(of(ref), ofName({ personId, name })))
    .limit(1);
  return row ? opened(row) : null;
}

const ofName = ({ personId, name }: Pick<WhosConnection, 'personId' | 'name'>) =>
  and(
    eq(whiteboardConnections.personId, personId),
    eq(whiteboardConnections.name, name),
    isNull(whiteboardConnections.closedAt),
  );

/** How many other connections the person has in the class that gave a sign of life at `aliveMs` or later. */
export async function countOtherConnections(
  tx: Tx,
  { ref, personId, name }: WhosConnection,
  aliveMs: number,
): Promise<number> {
  return await tx.$count(
    whiteboardConnections,
    and(
      of(ref),
      eq(whiteboardConnections.personId, personId),
      ne(whiteboardConnections.name, name),
      isNull(whiteboardConnections.closedAt),
      gte(whiteboardConnections.lastSeenAt, new Date(aliveMs)),
    ),
  );
}

/** Every connection of the class, the first first. */
export async function readConnections(tx: Tx, ref: ClassRef): Promise<ConnectionRow[]> {
  return await tx
    .select()
    .from(whiteboardConnections)
    .where(of(ref))
    .orderBy(whiteboardConnections.connectedAt, whiteboardConnections.id);
}

/** What a server gathered about one connection since it last stored it. */
export interface GatheredSigns {
  tenantId: string;
  id: string;
  /** It closes only where no other server has taken it over. */
  ofInstance?: string;
  seenMs: number;
  /** Of heartbeats that are not further apart than each of them lasts. */
  spans: readonly Span[];
  closed: { atMs: number; reason: CloseReason } | null;
}

/** The first and the last heartbeat of a span. */
export interface Span {
  fromMs: number;
  untilMs: number;
}

export interface KeptConnection {
  id: string;
  /** `gone`: it was closed before, and nothing of this is stored. */
  as: 'kept' | 'closed' | 'gone';
  /** Null when it is gone. */
  classStatus: string | null;
  closeReason: CloseReason | null;
}

/** A heartbeat makes so long active (product §5, `active_seconds`). */
const HEARTBEAT_LASTS_MS = 30_000;

interface StoredRow {
  connection: string;
  stored_as: KeptConnection['as'];
  class_status: string | null;
  close_reason: CloseReason | null;
}

/** One statement and one commit for all of them, of whatever tenants (drizzle/0003_whiteboard.sql). */
export async function storePresence(
  db: Database,
  gathered: readonly GatheredSigns[],
): Promise<KeptConnection[]> {
  if (gathered.length === 0) return [];
  const told = gathered.map(({ tenantId, id, ofInstance, seenMs, spans, closed }) => ({
    tenant_id: tenantId,
    id,
    of_instance: ofInstance,
    seen_at: iso(seenMs),
    heartbeat_at: spans.length === 0 ? null : iso(Math.max(...spans.map(({ untilMs }) => untilMs))),
    beats: `{${spans.map(({ fromMs, untilMs }) => `[${iso(fromMs)},${iso(untilMs + HEARTBEAT_LASTS_MS)})`).join(',')}}`,
    closed_at: closed === null ? null : iso(closed.atMs),
    close_reason: closed?.reason ?? null,
  }));
  try {
    const rows = await db.sql<StoredRow[]>`
      select connection, stored_as, class_status, close_reason
      from rollcall_store_presence(${JSON.stringify(told)}::text::json)`;
    return rows.map((row) => ({
      id: row.connection,
      as: row.stored_as,
      classStatus: row.class_status,
      closeReason: row.close_reason,
    }));
  } catch (error) {
    throw databaseUnavailable(error) ?? error;
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** Open connections of which no server has heard since then, the most silent first. */
export async function lostConnections(
  db: Database,
  { silentSinceMs, most }: { silentSinceMs: number; most: number },
): Promise<{ tenantId: string; id: string; lastSeenMs: number }[]> {
  try {
    const rows = await db.sql<{ tenant_id: string; id: string; last_seen_at: Date }[]>`
      select tenant_id, id, last_seen_at from rollcall_lost_connections(${iso(silentSinceMs)}::timestamptz, ${most})`;
    return rows.map((row) => ({
      tenantId: row.tenant_id,
      id: row.id,
      lastSeenMs: new Date(row.last_seen_at).getTime(),
    }));
  } catch (error) {
    throw databaseUnavailable(error) ?? error;
  }
}

/**
 * What is known of connections that are still open, as events: those of the log are written when they close, under the
 * same names.
 */
export async function readOpenEvidence(tx: Tx, ref: ClassRef): Promise<EvidenceEvent[]> {
  const rows = await tx.execute<OpenRow>(sql`
    select c.id, c.person_id, extract(epoch from c.connected_at)::float8 * 1000 as connected_ms,
      extract(epoch from c.last_seen_at)::float8 * 1000 as last_seen_ms,
      (select coalesce(jsonb_agg(jsonb_build_array(extract(epoch from lower(r))::float8 * 1000,
        extract(epoch from upper(r))::float8 * 1000)), '[]') from unnest(c.active) r) as active
    from whiteboard_connections c
    where c.tenant_id = ${ref.tenantId} and c.class_id = ${ref.classId} and c.closed_at is null order by c.id`);
  return rows.flatMap(({ id, person_id: personId, connected_ms, last_seen_ms, active }) => {
    const told = (
      name: string,
      kind: 'seen' | 'heartbeat',
      atMs: number,
      untilMs: number,
    ): EvidenceEvent => ({
      id: `${id}:${name}`,
      source: 'whiteboard',
      sourceEventId: `${id}:${name}`,
      kind,
      atMs: Math.round(atMs),
      untilMs: Math.round(untilMs),
      connection: id,
      personId,
    });
    return [
      told('seen', 'seen', connected_ms, last_seen_ms),
      ...active.map(([fromMs, toMs]) =>
        told(`heartbeat:${Math.round(fromMs)}`, 'heartbeat', fromMs, toMs - HEARTBEAT_LASTS_MS),
      ),
    ];
  });
}

interface OpenRow {
  [column: string]: unknown;
  id: string;
  person_id: string;
  connected_ms: number;
  last_seen_ms: number;
  active: [number, number][];
}
