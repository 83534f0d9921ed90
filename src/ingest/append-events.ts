/** Appends to the log. What is there stays: the same id with the same content is a duplicate, with other content refused. */
import { createHash } from 'node:crypto';
import { and, eq, inArray } from 'drizzle-orm';
import type { EventKind } from '../attendance/facts.ts';
import type { Tx } from '../db/client.ts';
import { events } from '../db/schema.ts';

export interface NewEvent {
  classId: string;
  source: string;
  sourceEventId: string;
  kind: EventKind;
  atMs: number;
  joinedAtMs?: number;
  connection?: string;
  room?: string;
  personId?: string;
  identity?: string;
  reason?: string;
  /** The delivery as it came. */
  raw?: string;
  /** Where it is not made of all of the above. */
  contentHash?: string;
}

/** Each list holds `sourceEventId`s. */
export interface Appended {
  accepted: string[];
  duplicate: string[];
  conflicting: string[];
}

/** PostgreSQL takes at most 65,534 parameters a statement; 15 columns times this stays far below. */
const ROWS_PER_STATEMENT = 1_000;

/** Appends `rows`, which are all of one tenant and one source. Within `rows`, the first of two equal ids counts. */
export async function appendEvents(tx: Tx, tenantId: string, rows: NewEvent[]): Promise<Appended> {
  const answer: Appended = { accepted: [], duplicate: [], conflicting: [] };
  for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT) {
    const part = await appendBatch(tx, tenantId, rows.slice(at, at + ROWS_PER_STATEMENT));
    answer.accepted.push(...part.accepted);
    answer.duplicate.push(...part.duplicate);
    answer.conflicting.push(...part.conflicting);
  }
  return answer;
}

async function appendBatch(tx: Tx, tenantId: string, rows: NewEvent[]): Promise<Appended> {
  const source = rows[0]?.source;
  if (source === undefined) return { accepted: [], duplicate: [], conflicting: [] };
  const values = rows.map((row) => ({
    tenantId,
    classId: row.classId,
    source: row.source,
    sourceEventId: row.sourceEventId,
    kind: row.kind,
    at: new Date(row.atMs),
    joinedAt: row.joinedAtMs === undefined ? null : new Date(row.joinedAtMs),
    connection: row.connection ?? null,
    room: row.room ?? null,
    personId: row.personId ?? null,
    identity: row.identity ?? null,
    reason: row.reason ?? null,
    contentHash: row.contentHash ?? contentHash(row),
    raw: row.raw ?? null,
  }));
  const inserted = await tx
    .insert(events)
    .values(values)
    .onConflictDoNothing()
    .returning({ sourceEventId: events.sourceEventId });
  const fresh = new Set(inserted.map((row) => row.sourceEventId));
  const stored = new Map<string, string>();
  if (fresh.size < rows.length) {
    const known = await tx
      .select({ id: events.sourceEventId, contentHash: events.contentHash })
      .from(events)
      .where(
        and(
          eq(events.source, source),
          inArray(
            events.sourceEventId,
            values.map((v) => v.sourceEventId),
          ),
        ),
      );
    for (const row of known) stored.set(row.id, row.contentHash);
  }
  const answer: Appended = { accepted: [], duplicate: [], conflicting: [] };
  for (const { sourceEventId, contentHash } of values) {
    if (fresh.delete(sourceEventId)) answer.accepted.push(sourceEventId);
    else if (stored.get(sourceEventId) === contentHash) answer.duplicate.push(sourceEventId);
    else answer.conflicting.push(sourceEventId);
  }
  return answer;
}

/** Tells a duplicate from the same id with other content; how it was written does not matter. */
export function contentHash(row: NewEvent): string {
  const content = [
    row.classId,
    row.kind,
    row.atMs,
    row.joinedAtMs ?? null,
    row.connection ?? null,
    row.room ?? null,
    row.personId ?? null,
    row.identity ?? null,
    row.reason ?? null,
  ];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
