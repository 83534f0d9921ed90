import { activityInfo } from '@temporalio/activity';
import { and, eq } from 'drizzle-orm';
import { calculateClass } from '../src/db/calculations.ts';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { announce } from '../src/db/outgoing.ts';
import { BUSY_MS, planOf, readClass } from '../src/db/plans.ts';
import { classes } from '../src/db/schema.ts';
import { adoptRoom } from '../src/ingest/adopt-room.ts';
import { capture } from './capture.ts';
import { recordFailure } from './captured.ts';
import type { ActivityDeps } from './index.ts';
import { retryOf } from './provider-retry.ts';

export interface Verdict {
  status: 'completed' | 'incomplete' | 'reconciling' | 'cancelled';
  /** Codes of what is missing. */
  missing: string[];
  captureProblem: string | null;
}

/** How often the last attempt of all is tried again, before a class is given up for a fault that may pass. */
const LAST_TRIES = 5;

/**
 * One attempt: fetches what the provider knows by now, calculates from everything that is known, and settles the class when
 * nothing is missing, or when this was the last attempt.
 * @param query.nextMs when the next attempt is due; null with the last one
 */
export async function reconcile(
  deps: ActivityDeps,
  ref: ClassRef,
  { attempt, nextMs }: { attempt: number; nextMs: number | null },
): Promise<Verdict> {
  const { row } = await inTenant(deps.db, ref.tenantId, (tx) => readClass(tx, ref));
  const captured = isUnsettled(row.status) ? await capture(deps, ref, row.provider, { scope: 'all' }) : null;
  const failed = captured?.ok === false ? captured : null;
  const tries = activityInfo().attempt;
  const nowMs = deps.now();
  const untilMs = nextMs ?? (tries < LAST_TRIES ? Number.POSITIVE_INFINITY : nowMs);
  const retry = failed && retryOf(failed.fault, tries, nowMs, untilMs);
  if (failed && !retry) await recordFailure(deps, ref, failed);

  // What is known by now is calculated in any case: nobody waits for a provider to see the provisional figures.
  const verdict = await judge(deps, ref, { attempt, nextMs, giveUp: nextMs === null && !retry });
  if (retry && verdict.status === 'reconciling') throw retry;
  return { ...verdict, captureProblem: failed?.fault.code ?? null };
}

async function judge(
  { db, now, retry }: ActivityDeps,
  ref: ClassRef,
  { attempt, nextMs, giveUp }: { attempt: number; nextMs: number | null; giveUp: boolean },
): Promise<Pick<Verdict, 'status' | 'missing'>> {
  return await inTenant(db, ref.tenantId, async (tx) => {
    const { row, session } = await readClass(tx, ref, 'for update');
    if (row.status === 'cancelled') return { status: 'cancelled', missing: [] };
    if (row.status === 'completed' || row.status === 'incomplete') {
      return { status: row.status, missing: row.missing.map(({ code }) => code) };
    }
    if (session.roomName !== null) await adoptRoom(tx, ref, session.roomName);
    const { missing } = await calculateClass(tx, ref);
    const status = missing.length === 0 ? 'completed' : giveUp ? 'incomplete' : 'reconciling';
    const plan = await planOf(tx, row, session, retry);
    await tx
      .update(classes)
      .set({
        status,
        attempts: attempt,
        endedAt: row.endedAt ?? new Date(plan.windowEndMs),
        ...(status === 'reconciling'
          ? { workflowDueAt: new Date(nextMs ?? now() + BUSY_MS) }
          : { settledAt: new Date(now()), workflowDueAt: null }),
      })
      .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
    if (status !== 'reconciling') await announce(tx, ref, 'class.settled', { missing });
    return { status, missing: missing.map(({ code }) => code) };
  });
}

const isUnsettled = (status: string): boolean => !['cancelled', 'completed', 'incomplete'].includes(status);
