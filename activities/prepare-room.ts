import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { planOf, readClass } from '../src/db/plans.ts';
import { LiveKitFault } from '../src/livekit/fault.ts';
import { KEPT_LONGER_SECONDS } from '../src/livekit/rooms.ts';
import type { ActivityDeps } from './index.ts';
import { livekitRooms } from './livekit-rooms.ts';
import { noteProblem } from './note-problem.ts';
import { retryOf, speechOf } from './provider-retry.ts';

/** Trying costs LiveKit nothing and the history nothing: whoever mends what was refused need not touch the class. */
const REFUSED_AGAIN_MS = 60_000;

/**
 * Makes the LiveKit room of a class that is open, kept while it is empty until the counting window ends. Tried again until
 * LiveKit makes it. A room that is there already stays as it is, also when it was made for a shorter time.
 */
export async function prepareRoom(deps: ActivityDeps, ref: ClassRef): Promise<void> {
  const { row, roomName, windowEndMs } = await inTenant(deps.db, ref.tenantId, async (tx) => {
    const { row, session } = await readClass(tx, ref);
    const { windowEndMs } = await planOf(tx, row, session, deps.retry);
    return { row, roomName: session.roomName, windowEndMs };
  });
  const leftMs = windowEndMs - deps.now();
  if (row.provider !== 'livekit' || row.status !== 'open' || roomName === null || leftMs <= 0) return;
  try {
    await livekitRooms(deps, ref.tenantId).create(roomName, {
      keepForSeconds: Math.ceil(leftMs / 1_000) + KEPT_LONGER_SECONDS,
    });
    await inTenant(deps.db, ref.tenantId, (tx) => noteProblem(tx, ref, null, deps.now()));
  } catch (error) {
    if (!(error instanceof LiveKitFault)) throw error;
    await inTenant(deps.db, ref.tenantId, (tx) => noteProblem(tx, ref, error, deps.now()));
    throw (
      retryOf(error, activityInfo().attempt, deps.now(), Number.POSITIVE_INFINITY) ??
      ApplicationFailure.create({ ...speechOf(error), nextRetryDelay: REFUSED_AGAIN_MS })
    );
  }
}
