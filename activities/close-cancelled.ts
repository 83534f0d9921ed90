import { activityInfo } from '@temporalio/activity';
import { and, eq } from 'drizzle-orm';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { type ClassRow, readClass, type SessionRow } from '../src/db/plans.ts';
import { classes, sessions } from '../src/db/schema.ts';
import { ProviderFault } from '../src/provider-fault.ts';
import { readErrand } from './capture-from-meet.ts';
import type { ActivityDeps } from './index.ts';
import { livekitRooms } from './livekit-rooms.ts';
import { noteProblem } from './note-problem.ts';
import { retryOf } from './provider-retry.ts';

/**
 * The class is cancelled, whatever the provider says; so many tries and then people have to leave by themselves. Only the
 * end of the workflow waits for them, some 15 s in all, and not at all where LiveKit is off.
 */
const TRIES = 5;

/** Closes the room of a cancelled class, if it was made for this class alone; its evidence stays. */
export async function closeCancelled(deps: ActivityDeps, ref: ClassRef): Promise<void> {
  const { db, now, presentMemories } = deps;
  presentMemories.forget(ref.classId);
  const { row, session } = await inTenant(db, ref.tenantId, (tx) => readClass(tx, ref));
  if (session.closedAt === null) await sendHome(deps, ref, row, session);
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

async function sendHome(
  deps: ActivityDeps,
  ref: ClassRef,
  row: ClassRow,
  session: SessionRow,
): Promise<void> {
  try {
    await closeFor(deps, ref, row, session);
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error;
    await inTenant(deps.db, ref.tenantId, (tx) => noteProblem(tx, ref, error, deps.now()));
    const { attempt } = activityInfo();
    const retry = attempt < TRIES ? retryOf(error, attempt, deps.now(), Number.POSITIVE_INFINITY) : null;
    if (retry) throw retry;
  }
}

async function closeFor(
  deps: ActivityDeps,
  ref: ClassRef,
  { provider, meetingCode, openedAt }: ClassRow,
  { spaceName, roomName }: SessionRow,
): Promise<void> {
  switch (provider) {
    case 'meet': {
      if (meetingCode !== null || openedAt === null || spaceName === null) return;
      const { subject } = await inTenant(deps.db, ref.tenantId, (tx) => readErrand(tx, ref));
      return await deps.meet.endConference({ subject, spaceName });
    }
    case 'livekit':
      // Opened or not: LiveKit makes a room for whoever has a token, and everybody on the roster may have one from the
      // scheduling on.
      if (roomName !== null) await livekitRooms(deps, ref.tenantId).close(roomName);
      return;
    case 'whiteboard':
      return;
    default:
      return provider satisfies never;
  }
}
