import { type ClassRef, inTenant } from '../src/db/client.ts';
import { type ClassPlan, nextLookAt, noteDue, readPlan as planOfClass } from '../src/db/plans.ts';
import type { ActivityDeps } from './index.ts';

/** The plan as it stands now. What the workflow is told here, it need not be rung for again. */
export async function readPlan({ db, retry, now }: ActivityDeps, ref: ClassRef): Promise<ClassPlan> {
  return await inTenant(db, ref.tenantId, async (tx) => {
    const plan = await planOfClass(tx, ref, retry);
    const dueMs = nextLookAt(plan, now());
    if (dueMs !== null) await noteDue(tx, ref, dueMs);
    return plan;
  });
}
