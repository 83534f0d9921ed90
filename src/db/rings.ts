import { and, eq, isNull, lte, or } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { classes } from './schema.ts';

/** A signal costs history, so evidence rings a class at most once in so long (product §3, Bells). */
const MINUTE_MS = 60_000;

/** Takes the one ring of the minute and answers 0, or answers in how many milliseconds there is another. */
export async function takeRing(tx: Tx, { tenantId, classId }: ClassRef, nowMs: number): Promise<number> {
  const ofClass = and(eq(classes.tenantId, tenantId), eq(classes.id, classId));
  const free = or(isNull(classes.lastRungAt), lte(classes.lastRungAt, new Date(nowMs - MINUTE_MS)));
  const taken = await tx
    .update(classes)
    .set({ lastRungAt: new Date(nowMs) })
    .where(and(ofClass, free))
    .returning({ id: classes.id });
  if (taken.length > 0) return 0;
  const [row] = await tx.select({ rungAt: classes.lastRungAt }).from(classes).where(ofClass);
  return Math.max(1, (row?.rungAt?.getTime() ?? nowMs) + MINUTE_MS - nowMs);
}
