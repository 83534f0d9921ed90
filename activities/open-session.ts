import { and, eq } from 'drizzle-orm';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { type ClassPlan, noteDue, readPlan } from '../src/db/plans.ts';
import { classes } from '../src/db/schema.ts';
import type { ActivityDeps } from './index.ts';

/** Opens the session of a class that is scheduled; any other is left as it is. */
export async function openSession({ db, retry, now }: ActivityDeps, ref: ClassRef): Promise<ClassPlan> {
  return await inTenant(db, ref.tenantId, async (tx) => {
    await tx
      .update(classes)
      .set({ status: 'open', openedAt: new Date(now()) })
      .where(
        and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId), eq(classes.status, 'scheduled')),
      );
    const plan = await readPlan(tx, ref, retry);
    await noteDue(tx, ref, Math.max(plan.startMs, now()));
    return plan;
  });
}
