import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { type ClassPlan, noteDue, readClass, readPlan } from '../src/db/plans.ts';
import { capture } from './capture.ts';
import { type Captured, recordFailure, type Scope } from './captured.ts';
import type { ActivityDeps } from './index.ts';
import { retryOf } from './provider-retry.ts';

/** Counts only: this becomes part of the history, which shall not grow with the class. */
export interface FetchResult {
  plan: ClassPlan;
  /** There was a conference or a room, and every one has ended. */
  roomsClosed: boolean;
  /** LiveKit has no room for the class, whether or not it ever had. */
  roomMissing: boolean;
  fetch: { ok: boolean; present: number; problem: string | null };
}

/**
 * Fetches who is in the call (`present`), or what there is to know once the class has ended (`all`), and reads the plan on
 * the way.
 * @param query.untilMs a fault is tried again until then; the next fetch follows anyway
 */
export async function fetchParticipants(
  deps: ActivityDeps,
  ref: ClassRef,
  { scope, untilMs }: { scope: Scope; untilMs: number },
): Promise<FetchResult> {
  const { row } = await inTenant(deps.db, ref.tenantId, (tx) => readClass(tx, ref));
  const captured = await capture(deps, ref, row.provider, { scope });
  if (captured?.ok === false) {
    const retry = retryOf(captured.fault, activityInfo().attempt, deps.now(), untilMs);
    if (retry) throw retry;
    await recordFailure(deps, ref, captured);
  }
  const plan = await inTenant(deps.db, ref.tenantId, async (tx) => {
    const current = await readPlan(tx, ref, deps.retry);
    if (current.status === 'open') await noteDue(tx, ref, untilMs);
    return current;
  });
  if (captured?.ok && row.provider === 'livekit' && scope === 'all') {
    const waitMs = plan.windowEndMs - captured.found.atMs;
    if (waitMs > 0 && deps.now() + waitMs < untilMs) throw beforeTheEnd(waitMs);
  }
  return { plan, ...told(captured) };
}

/**
 * Only a listing at or after the end of the counting window says that the log may be closed. This one came before: our
 * clock is behind Temporal's, or every room closed early and the window ends within the grace.
 */
const beforeTheEnd = (waitMs: number): ApplicationFailure =>
  ApplicationFailure.create({
    message: 'LiveKit: the counting window is not over',
    type: 'before_the_end',
    nextRetryDelay: waitMs,
    category: 'BENIGN',
  });

function told(captured: Captured | null): Omit<FetchResult, 'plan'> {
  if (captured?.ok) {
    const { roomsClosed, roomMissing, present } = captured.found;
    return {
      roomsClosed,
      roomMissing,
      fetch: { ok: true, present, problem: captured.problem?.code ?? null },
    };
  }
  const nothing = { roomsClosed: false, roomMissing: false };
  if (captured === null) return { ...nothing, fetch: { ok: true, present: 0, problem: null } };
  return { ...nothing, fetch: { ok: false, present: 0, problem: captured.fault.code } };
}
