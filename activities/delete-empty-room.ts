import { activityInfo } from '@temporalio/activity';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { readClass } from '../src/db/plans.ts';
import { LiveKitFault } from '../src/livekit/fault.ts';
import type { ActivityDeps } from './index.ts';
import { livekitRooms } from './livekit-rooms.ts';
import { retryOf } from './provider-retry.ts';

export type Left = 'deleted' | 'occupied' | 'missing' | 'not_known';

/**
 * Deletes the LiveKit room of a class that has ended, if nobody is in it; whoever still talks may go on.
 * @param query.untilMs a fault is tried again until then. After that LiveKit closes the room by itself.
 */
export async function deleteEmptyRoom(
  deps: ActivityDeps,
  ref: ClassRef,
  { untilMs }: { untilMs: number },
): Promise<Left> {
  const { row, session } = await inTenant(deps.db, ref.tenantId, (tx) => readClass(tx, ref));
  if (row.provider !== 'livekit' || session.roomName === null) return 'missing';
  try {
    return await livekitRooms(deps, ref.tenantId).deleteIfEmpty(session.roomName);
  } catch (error) {
    if (!(error instanceof LiveKitFault)) throw error;
    const retry = retryOf(error, activityInfo().attempt, deps.now(), untilMs);
    if (retry) throw retry;
    deps.log.warn({ code: error.code, ...ref }, 'an empty room was left to LiveKit');
    return 'not_known';
  }
}
