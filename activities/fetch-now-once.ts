import { activityInfo } from '@temporalio/activity';
import { calculateClass } from '../src/db/calculations.ts';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { readClass } from '../src/db/plans.ts';
import { takeRing } from '../src/db/rings.ts';
import { capture } from './capture.ts';
import { recordFailure } from './captured.ts';
import type { ActivityDeps } from './index.ts';
import { retryOf } from './provider-retry.ts';

/** What one fetch found, for whoever asked for it. */
export interface FetchNowResult {
  ok: boolean;
  /** People in the call at that instant. */
  present: number;
  /** People whom the class has shown so far; while a Meet class is live, those in the call. */
  participants: number;
  conferences: number;
  reason?: { code: string; message: string };
}

/** The answer, and whether the workflow of the class should hear that there may be something new. */
export interface FetchedNow {
  result: FetchNowResult;
  ring: boolean;
}

/** Somebody waits for the answer: after ten seconds a fault is the answer. */
const PATIENCE_MS = 10_000;

export async function fetchNowOnce(deps: ActivityDeps, ref: ClassRef): Promise<FetchedNow> {
  const { row } = await inTenant(deps.db, ref.tenantId, (tx) => readClass(tx, ref));
  const scope = row.endedAt === null && row.endAt.getTime() > deps.now() ? 'present' : 'all';
  const captured = await capture(deps, ref, row.provider, { scope, shared: true });
  if (captured === null) return { result: { ok: true, ...NOBODY }, ring: false };
  if (captured.ok) {
    const { present, participants, conferences } = captured.found;
    const result: FetchNowResult = {
      ok: true,
      present,
      participants,
      conferences,
      ...(captured.problem && { reason: { code: captured.problem.code, message: captured.problem.message } }),
    };
    return { result, ring: await takeNotice(deps, ref) };
  }
  const { currentAttemptScheduledTimestampMs, scheduledTimestampMs, attempt } = activityInfo();
  const spentMs = currentAttemptScheduledTimestampMs - scheduledTimestampMs;
  const nowMs = deps.now();
  const retry = retryOf(captured.fault, attempt, nowMs, nowMs + PATIENCE_MS - spentMs);
  if (retry) throw retry;
  await recordFailure(deps, ref, captured);
  const { code, message } = captured.fault;
  return { result: { ok: false, ...NOBODY, reason: { code, message } }, ring: false };
}

const NOBODY = { present: 0, participants: 0, conferences: 0 };

/** A settled class is calculated again at once; one that waits for evidence is rung, at most once a minute. */
async function takeNotice({ db, now }: ActivityDeps, ref: ClassRef): Promise<boolean> {
  return await inTenant(db, ref.tenantId, async (tx) => {
    const { row } = await readClass(tx, ref, 'for update');
    if (row.status === 'completed' || row.status === 'incomplete') {
      await calculateClass(tx, ref);
      return false;
    }
    return row.status === 'reconciling' && (await takeRing(tx, ref, now())) === 0;
  });
}
