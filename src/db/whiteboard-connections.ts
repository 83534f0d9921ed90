/** Connections to whiteboards: found, opened, kept and closed. Their signs of life come from the servers, gathered. */
import { and, desc, eq, gte, isNull, sql } from 'drizzle-orm';
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

/** The open connection of that name that gave a sign of life at `aliveMs` or later. */
export async function findOpenConnection(
  tx: Tx,
  { ref, personId, name }: WhosConnection,
  aliveMs: number,
): Promise<OpenConnection | null> {
  const [row] = await tx
    .select()
    .from(whiteboardConnections)
    .where(
      and(
        of(ref),
        eq(whiteboardConnections.personId, personId),
        eq(whiteboardConnections.name, name),
        isNull(whiteboardConnections.closedAt),
        gte(whiteboardConnections.lastSeenAt, new Date(aliveMs)),
      ),
    )
    .orderBy(desc(whiteboardConnections.lastSeenAt))
    .limit(1);
  return row ? opened(row) : null;
}

const opened = ({ id, connectedAt, lastSeenAt }: ConnectionRow): OpenConnection => ({
  id,
  connectedMs: connectedAt.getTime(),
  lastSeenMs: lastSeenAt.getTime(),
});

/** The open connection of that name, made when there is none: said twice it changes nothing. */
export async function openConnection(
  tx: Tx,
  whose: WhosConnection,
  { instance, atMs, aliveMs }: { instance: string; atMs: number; aliveMs: number },
): Promise<OpenConnection> {
  const { ref, personId, name } = whose;
  // Two that connect at once take turns.
  await tx.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${`${ref.classId} ${personId} ${name}`}, 0))`,
  );
  const known = await findOpenConnection(tx, whose, aliveMs);
  if (known !== null) return known;
  const at = new Date(atMs);
  const [row] = await tx
    .insert(whiteboardConnections)
    .values({ ...ref, personId, name, instance, connectedAt: at, lastSeenAt: at })
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

/** How many open connections the person has in the class. */
export async function countOpenConnections(tx: Tx, ref: ClassRef, personId: string): Promise<number> {
  return await tx.$count(
    whiteboardConnections,
    and(of(ref), eq(whiteboardConnections.personId, personId), isNull(whiteboardConnections.closedAt)),
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
  instance?: string;
  seenMs: number;
  /** Instants of heartbeats. */
  heartbeatsMs: readonly number[];
  closed?: { atMs: number; reason: CloseReason };
}

export interface KeptConnection {
  id: string;
  /** `gone`: it was closed before, and nothing of this is stored. */
  as: 'kept' | 'closed' | 'gone';
  /** Null when it is gone. */
  classStatus: string | null;
}

/** A heartbeat makes so long active (product §5, `active_seconds`). */
const HEARTBEAT_LASTS_MS = 30_000;

/** One statement and one commit for all of them, of whatever tenants (drizzle/0003_whiteboard.sql). */
export async function storePresence(
  db: Database,
  gathered: readonly GatheredSigns[],
): Promise<KeptConnection[]> {
  const told = gathered.map(({ tenantId, id, instance, seenMs, heartbeatsMs, closed }) => ({
    tenant_id: tenantId,
    id,
    instance,
    seen_at: iso(seenMs),
    heartbeat_at: heartbeatsMs.length === 0 ? null : iso(Math.max(...heartbeatsMs)),
    beats: `{${heartbeatsMs.map((ms) => `[${iso(ms)},${iso(ms + HEARTBEAT_LASTS_MS)})`).join(',')}}`,
    closed_at: closed === undefined ? null : iso(closed.atMs),
    close_reason: closed?.reason ?? null,
  }));
  try {
    const rows = await db.sql<
      { connection: string; stored_as: KeptConnection['as']; class_status: string | null }[]
    >`
      select connection, stored_as, class_status from rollcall_store_presence(${JSON.stringify(told)}::text::json)`;
    return rows.map((row) => ({ id: row.connection, as: row.stored_as, classStatus: row.class_status }));
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
