import { and, eq } from 'drizzle-orm';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { announce } from '../src/db/outgoing.ts';
import { type ClassPlan, nextLookAt, noteDue, planOf, readClass } from '../src/db/plans.ts';
import { classes } from '../src/db/schema.ts';
import { adoptRoom } from '../src/ingest/adopt-room.ts';
import type { ActivityDeps } from './index.ts';

/** A class that was moved by less than this while its workflow was on the way here is opened all the same. */
const EARLY_MS = 60_000;

/** Opens the session of a class that is scheduled, and due; any other is left as it is. */
export async function openSession({ db, retry, now }: ActivityDeps, ref: ClassRef): Promise<ClassPlan> {
  return await inTenant(db, ref.tenantId, async (tx) => {
    // The lock makes this and a change of the start take turns.
    const { row, session } = await readClass(tx, ref, 'for update');
    const plan = await planOf(tx, row, session, retry);
    const nowMs = now();
    if (row.status !== 'scheduled' || plan.openAtMs > nowMs + EARLY_MS) return plan;
    await tx
      .update(classes)
      .set({ status: 'open', openedAt: new Date(nowMs) })
      .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
    // Whoever was there before the class had its room.
    if (session.roomName !== null) await adoptRoom(tx, ref, session.roomName);
    await announce(tx, ref, 'class.opened', {});
    const opened: ClassPlan = { ...plan, status: 'open' };
    await noteDue(tx, ref, nextLookAt(opened, nowMs) ?? nowMs);
    return opened;
  });
}
