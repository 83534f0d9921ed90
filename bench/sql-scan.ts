/** What one would write without Temporal: a table, and a look every second for what is due. */
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';

export interface SqlScan {
  add(startMs: number, count?: number): Promise<void>;
  /** Of the classes with a start in `[fromMs, toMs]`. */
  openings(fromMs: number, toMs: number): Promise<{ startMs: number; openedMs: number | null }[]>;
  stop(): Promise<void>;
}

const EVERY_MS = 1_000;

export async function startSqlScan(databaseUrl: string): Promise<SqlScan> {
  const sql = postgres(databaseUrl, { max: 4 });
  await sql`create table scanned_classes
    (id bigint generated always as identity primary key, start_at timestamptz not null, opened_at timestamptz)`;
  await sql`create index on scanned_classes (start_at) where opened_at is null`;
  const stopping = new AbortController();
  const running = scanUntil(stopping.signal, () => scan(sql));
  // Whoever stops it is told what went wrong; until then it is nobody's.
  running.catch(() => {});
  return {
    async add(startMs, count = 1) {
      await sql`insert into scanned_classes (start_at)
        select ${new Date(startMs)}::timestamptz from generate_series(1, ${count})`;
    },
    async openings(fromMs, toMs) {
      // What came last is seen with the next look.
      await sleep(2 * EVERY_MS);
      const rows = await sql<{ start_at: Date; opened_at: Date | null }[]>`
        select start_at, opened_at from scanned_classes
        where start_at between ${new Date(fromMs)} and ${new Date(toMs)}`;
      return rows.map((row) => ({
        startMs: row.start_at.getTime(),
        openedMs: row.opened_at?.getTime() ?? null,
      }));
    },
    async stop() {
      stopping.abort();
      try {
        await running;
      } finally {
        await sql.end({ timeout: 5 });
      }
    },
  };
}

async function scanUntil(stopped: AbortSignal, look: () => Promise<void>): Promise<void> {
  for (let nextMs = Date.now(); !stopped.aborted; nextMs += EVERY_MS) {
    await sleep(Math.max(0, nextMs - Date.now()), undefined, { signal: stopped }).catch(() => {});
    if (!stopped.aborted) await look();
  }
}

/** All that is due in one transaction: the fastest such a loop can be. */
async function scan(sql: postgres.Sql): Promise<void> {
  await sql.begin(async (tx) => {
    const due = await tx<{ id: string }[]>`
      select id from scanned_classes where start_at <= now() and opened_at is null for update skip locked`;
    if (due.length === 0) return;
    const ids = due.map(({ id }) => id);
    await tx`update scanned_classes set opened_at = clock_timestamp() where id = any(${ids}::bigint[])`;
  });
}
