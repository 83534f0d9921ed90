import { and, eq } from 'drizzle-orm';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { readClass } from '../src/db/plans.ts';
import { classes, sessions } from '../src/db/schema.ts';
import type { ActivityDeps } from './index.ts';

/** Closes the room of a cancelled class; its evidence stays. */
export async function closeCancelled({ db, now }: ActivityDeps, ref: ClassRef): Promise<void> {
  const at = new Date(now());
  await inTenant(db, ref.tenantId, async (tx) => {
    await readClass(tx, ref, 'for update');
    await tx
      .update(sessions)
      .set({ closedAt: at })
      .where(and(eq(sessions.tenantId, ref.tenantId), eq(sessions.classId, ref.classId)));
    await tx
      .update(classes)
      .set({ settledAt: at, workflowDueAt: null })
      .where(
        and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId), eq(classes.status, 'cancelled')),
      );
  });
}
