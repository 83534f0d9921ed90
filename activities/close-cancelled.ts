import { activityInfo } from '@temporalio/activity';
import { and, eq } from 'drizzle-orm';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { readClass } from '../src/db/plans.ts';
import { classes, sessions } from '../src/db/schema.ts';
import { MeetFault } from '../src/meet/fault.ts';
import { noteProblem, readErrand } from './capture-from-meet.ts';
import type { ActivityDeps } from './index.ts';
import { retryOf } from './meet-retry.ts';

/** The class is cancelled, whatever Google says; so many tries and then people have to leave by themselves. */
const TRIES = 5;

/** Closes the room of a cancelled class, if it was opened for this class alone; its evidence stays. */
export async function closeCancelled(deps: ActivityDeps, ref: ClassRef): Promise<void> {
  const { db, now, presentMemories } = deps;
  presentMemories.forget(ref.classId);
  const { row, session } = await inTenant(db, ref.tenantId, (tx) => readClass(tx, ref));
  const ours = row.provider === 'meet' && row.meetingCode === null && row.openedAt !== null;
  if (ours && session.spaceName !== null && session.closedAt === null)
    await sendHome(deps, ref, session.spaceName);
  const at = new Date(now());
  await inTenant(db, ref.tenantId, async (tx) => {
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

async function sendHome(deps: ActivityDeps, ref: ClassRef, spaceName: string): Promise<void> {
  const { subject } = await inTenant(deps.db, ref.tenantId, (tx) => readErrand(tx, ref));
  try {
    await deps.meet.endConference({ subject, spaceName });
  } catch (error) {
    if (!(error instanceof MeetFault)) throw error;
    await inTenant(deps.db, ref.tenantId, (tx) => noteProblem(tx, ref, error, deps.now()));
    const { attempt } = activityInfo();
    const retry = attempt < TRIES ? retryOf(error, attempt, deps.now(), Number.POSITIVE_INFINITY) : null;
    if (retry) throw retry;
  }
}
