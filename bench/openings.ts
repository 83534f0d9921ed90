import { setTimeout as sleep } from 'node:timers/promises';
import { and, count, eq, inArray, isNotNull } from 'drizzle-orm';
import { type Database, inTenant } from '../src/db/client.ts';
import { classes } from '../src/db/schema.ts';
import { type ScheduledClass, TENANT } from './schedule-classes.ts';

export interface Opening {
  classId: string;
  startMs: number;
  /** As stored; null while it was not opened. */
  openedMs: number | null;
}

const LOOK_EVERY_MS = 500;

/** Waits until all are open, or until `untilMs`, and answers when each was opened. */
export async function awaitOpenings(
  db: Database,
  scheduled: readonly ScheduledClass[],
  { untilMs, signal }: { untilMs: number; signal: AbortSignal },
): Promise<Opening[]> {
  const ours = and(
    eq(classes.tenantId, TENANT),
    inArray(
      classes.id,
      scheduled.map(({ classId }) => classId),
    ),
  );
  const opened = async (): Promise<number> => {
    const where = and(ours, isNotNull(classes.openedAt));
    const [row] = await inTenant(db, TENANT, (tx) => tx.select({ n: count() }).from(classes).where(where));
    return row?.n ?? 0;
  };
  while (Date.now() < untilMs && (await opened()) < scheduled.length) {
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
  const rows = await inTenant(db, TENANT, (tx) => tx.select().from(classes).where(ours));
  return rows.map((row) => ({
    classId: row.id,
    startMs: row.startAt.getTime(),
    openedMs: row.openedAt?.getTime() ?? null,
  }));
}

export const isLate = ({ startMs, openedMs }: Omit<Opening, 'classId'>): boolean =>
  openedMs === null || openedMs > startMs;

/** Milliseconds from the start to the opening, of those that were opened. */
export const afterStart = (openings: readonly Omit<Opening, 'classId'>[]): number[] =>
  openings.flatMap(({ startMs, openedMs }) => (openedMs === null ? [] : [openedMs - startMs]));
