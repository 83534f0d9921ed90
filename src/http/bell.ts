/** Telling Temporal, after the commit. What fails here is logged and counted; the sweeper makes up for it. */
import { noteRung, noteStarted, raisePlan } from '../db/change-class.ts';
import { type ClassRef, inTenant } from '../db/client.ts';
import { readClass } from '../db/plans.ts';
import { loggable } from '../loggable.ts';
import type { Deps } from './route.ts';
import { within } from './within.ts';

/** Nobody waits longer for Temporal: the answer is committed already. */
const PATIENCE_MS = 2_000;

type BellDeps = Pick<Deps, 'db' | 'workflows' | 'log' | 'metrics'>;

export async function startWorkflow(deps: BellDeps, ref: ClassRef, startMs: number): Promise<void> {
  await quietly(deps, ref, 'start', async () => {
    await within(PATIENCE_MS, deps.workflows.start(ref, startMs));
    await inTenant(deps.db, ref.tenantId, (tx) => noteStarted(tx, ref));
  });
}

/**
 * Rings for a changed plan; a class whose workflow is missing gets one, which reads the plan as it is now. One that is
 * settled has none any more: it may have read that it is cancelled before it was rung.
 */
export async function ringPlan(
  deps: BellDeps,
  ref: ClassRef,
  { planVersion, startMs }: { planVersion: number; startMs: number },
): Promise<void> {
  await quietly(deps, ref, 'ring', async () => {
    const told = await within(PATIENCE_MS, ringOrStart(deps, ref, startMs));
    await inTenant(deps.db, ref.tenantId, async (tx) => {
      if (told === 'started') await noteStarted(tx, ref);
      await noteRung(tx, ref, planVersion);
    });
  });
}

async function ringOrStart(
  { db, workflows }: BellDeps,
  ref: ClassRef,
  startMs: number,
): Promise<'rung' | 'started' | 'settled'> {
  if (await workflows.ring(ref, 'plan')) return 'rung';
  const { row } = await inTenant(db, ref.tenantId, (tx) => readClass(tx, ref));
  if (row.settledAt !== null) return 'settled';
  await workflows.start(ref, startMs);
  return 'started';
}

/**
 * Rings for evidence. When Temporal does not hear it, the plan is marked as changed, so that the sweeper rings when
 * Temporal is back: the next attempt of the workflow by itself may be hours away.
 */
export async function ringEvidence(deps: BellDeps, ref: ClassRef): Promise<void> {
  await quietly(deps, ref, 'ring', async () => {
    try {
      await within(PATIENCE_MS, deps.workflows.ring(ref, 'evidence'));
    } catch (error) {
      await inTenant(deps.db, ref.tenantId, (tx) => raisePlan(tx, ref));
      throw error;
    }
  });
}

async function quietly(
  { log, metrics }: BellDeps,
  ref: ClassRef,
  call: 'start' | 'ring',
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (err) {
    metrics.temporalFailures.inc({ call });
    log.warn(
      { failure: loggable(err), tenant: ref.tenantId, class_id: ref.classId, call },
      'the workflow could not be told',
    );
  }
}
