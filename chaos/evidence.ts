/** What the database has on record about a class, read past the API and the row security. */
import postgres from 'postgres';
import type { Lesson } from './lesson.ts';
import type { TestRollcall } from './test-rollcall.ts';

export interface Evidence {
  sweeps: { at: Date; ok: boolean }[];
  events: { source_event_id: string; kind: string; connection: string | null; reason: string | null }[];
  calculations: { version: number; inputs_hash: string; calculated_at: Date }[];
  /** Persons with a record, by version. */
  records: { version: number; persons: number }[];
}

export async function evidenceOf({ ownerUrl }: TestRollcall, { id }: Lesson): Promise<Evidence> {
  const sql = postgres(ownerUrl, { max: 1 });
  try {
    return {
      sweeps: await sql`select at, ok from sweeps where class_id = ${id} order by at`,
      events: await sql`select source_event_id, kind, connection, reason from events where class_id = ${id}`,
      calculations: await sql`
        select version, inputs_hash, calculated_at from calculations where class_id = ${id} order by version`,
      records: await sql`
        select version, count(*)::integer as persons from records where class_id = ${id} group by version order by version`,
    };
  } finally {
    await sql.end();
  }
}

/** Google's name of the space in which the class meets, `spaces/…`; null while there is none. */
export async function spaceNameOf({ ownerUrl }: TestRollcall, { id }: Lesson): Promise<string | null> {
  const sql = postgres(ownerUrl, { max: 1 });
  try {
    const [row] = await sql<{ name: string | null }[]>`
      select space_name as name from sessions where class_id = ${id}`;
    return row?.name ?? null;
  } finally {
    await sql.end();
  }
}
