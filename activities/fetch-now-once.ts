import { activityInfo } from '@temporalio/activity';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { readClass } from '../src/db/plans.ts';
import { captureFromMeet, recordFailure } from './capture-from-meet.ts';
import type { ActivityDeps } from './index.ts';
import { retryOf } from './meet-retry.ts';

/** What one fetch found, for whoever asked for it. */
export interface FetchNowResult {
  ok: boolean;
  /** People in the call at that instant. */
  present: number;
  /** People whom the answer names. */
  participants: number;
  conferences: number;
  reason?: { code: string; message: string };
}

/** Somebody waits for the answer: after ten seconds a fault is the answer. */
const PATIENCE_MS = 10_000;

export async function fetchNowOnce(deps: ActivityDeps, ref: ClassRef): Promise<FetchNowResult> {
  const { row } = await inTenant(deps.db, ref.tenantId, (tx) => readClass(tx, ref));
  const scope = row.endedAt === null && row.endAt.getTime() > deps.now() ? 'present' : 'all';
  const captured = await captureFromMeet(deps, ref, scope);
  if (captured.ok) {
    const { rooms, connections, participants } = captured.answer;
    const inCall = new Set(connections.filter(({ endMs }) => endMs === null).map(({ identity }) => identity));
    return {
      ok: true,
      present: scope === 'present' ? participants.length : inCall.size,
      participants: participants.length,
      conferences: rooms.length,
      ...(captured.problem && { reason: { code: captured.problem.code, message: captured.problem.message } }),
    };
  }
  const { currentAttemptScheduledTimestampMs, scheduledTimestampMs, attempt } = activityInfo();
  const spentMs = currentAttemptScheduledTimestampMs - scheduledTimestampMs;
  const nowMs = deps.now();
  const retry = retryOf(captured.fault, attempt, nowMs, nowMs + PATIENCE_MS - spentMs);
  if (retry) throw retry;
  await recordFailure(deps, ref, scope, captured);
  const { code, message } = captured.fault;
  return { ok: false, present: 0, participants: 0, conferences: 0, reason: { code, message } };
}
