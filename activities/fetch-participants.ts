import { activityInfo } from '@temporalio/activity';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { type ClassPlan, noteDue, readPlan } from '../src/db/plans.ts';
import { captureFromMeet, recordFailure } from './capture-from-meet.ts';
import type { ActivityDeps } from './index.ts';
import { retryOf } from './meet-retry.ts';

/** Counts only: this becomes part of the history, which shall not grow with the class. */
export interface FetchResult {
  plan: ClassPlan;
  /** There was a conference, and every one has ended. */
  roomsClosed: boolean;
  fetch: { ok: boolean; present: number; problem: string | null };
}

/**
 * Fetches who is in the call (`present`), or everybody who ever was (`all`), and reads the plan on the way.
 * @param query.untilMs a fault is tried again until then; the next fetch follows anyway
 */
export async function fetchParticipants(
  deps: ActivityDeps,
  ref: ClassRef,
  { scope, untilMs }: { scope: 'present' | 'all'; untilMs: number },
): Promise<FetchResult> {
  const captured = await captureFromMeet(deps, ref, scope);
  if (!captured.ok) {
    const retry = retryOf(captured.fault, activityInfo().attempt, deps.now(), untilMs);
    if (retry) throw retry;
    await recordFailure(deps, ref, scope, captured);
  }
  const plan = await inTenant(deps.db, ref.tenantId, async (tx) => {
    const current = await readPlan(tx, ref, deps.retry);
    if (current.status === 'open') await noteDue(tx, ref, untilMs);
    return current;
  });
  if (!captured.ok) {
    return { plan, roomsClosed: false, fetch: { ok: false, present: 0, problem: captured.fault.code } };
  }
  const { rooms, connections, participants } = captured.answer;
  const inCall = new Set(connections.filter(({ endMs }) => endMs === null).map(({ identity }) => identity));
  return {
    plan,
    roomsClosed: rooms.length > 0 && rooms.every((room) => room.endMs !== null),
    fetch: {
      ok: true,
      // A present listing names everybody in the call, but asks only about the sessions of some.
      present: scope === 'present' ? participants.length : inCall.size,
      problem: captured.problem?.code ?? null,
    },
  };
}
