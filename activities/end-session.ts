import { and, eq } from 'drizzle-orm';
import { settleAndTell } from '../src/alerts/settle-alerts.ts';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { announce } from '../src/db/outgoing.ts';
import { type ClassPlan, noteDue, planOf, readClass } from '../src/db/plans.ts';
import { classes } from '../src/db/schema.ts';
import type { ActivityDeps } from './index.ts';

/**
 * Ends the class when its counting window is over, or after its scheduled end when every room has closed. The lock makes
 * this and a change of the end take turns: a class that was prolonged in the last moment goes on.
 */
export async function endSession(
  { db, retry, now }: ActivityDeps,
  ref: ClassRef,
  { roomsClosed, atMs }: { roomsClosed: boolean; atMs: number },
): Promise<ClassPlan> {
  return await inTenant(db, ref.tenantId, async (tx) => {
    const { row, session } = await readClass(tx, ref, 'for update');
    const plan = await planOf(tx, row, session, retry);
    // Whose clock is ahead decides: otherwise one that is behind would be asked again and again.
    const nowMs = Math.max(now(), atMs);
    const over = nowMs >= plan.windowEndMs || (roomsClosed && nowMs >= plan.endMs);
    if (row.status !== 'open' || !over) return plan;
    const endedAt = new Date(nowMs);
    await settleAndTell(tx, ref, { causes: [] }, nowMs);
    await tx
      .update(classes)
      .set({ status: 'ended', endedAt })
      .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
    await announce(tx, ref, 'class.ended', {});
    const ended = await planOf(tx, { ...row, status: 'ended', endedAt }, session, retry);
    await noteDue(tx, ref, ended.graceUntilMs);
    return ended;
  });
}
