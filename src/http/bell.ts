/** Telling Temporal, after the commit. What fails here is logged and counted; the sweeper makes up for it. */
import { and, eq, isNull, lte, or } from 'drizzle-orm';
import { noteRung, noteStarted } from '../db/change-class.ts';
import { type ClassRef, inTenant, type Tx } from '../db/client.ts';
import { classes } from '../db/schema.ts';
import type { Deps } from './route.ts';
import { within } from './within.ts';

/** Nobody waits longer for Temporal: the answer is committed already. */
const PATIENCE_MS = 2_000;
const MINUTE_MS = 60_000;

export async function startWorkflow(deps: Deps, ref: ClassRef, startMs: number): Promise<void> {
  await quietly(deps, ref, 'start', async () => {
    await within(PATIENCE_MS, deps.workflows.start(ref, startMs));
    await inTenant(deps.db, ref.tenantId, (tx) => noteStarted(tx, ref));
  });
}

/** Rings for a changed plan; a class whose workflow is missing gets one, which reads the plan as it is now. */
export async function ringPlan(
  deps: Deps,
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

async function ringOrStart({ workflows }: Deps, ref: ClassRef, startMs: number): Promise<'rung' | 'started'> {
  if (await workflows.ring(ref, 'plan')) return 'rung';
  await workflows.start(ref, startMs);
  return 'started';
}

/** A lost ring for evidence costs one wait of the workflow, never the evidence. */
export async function ringEvidence(deps: Deps, ref: ClassRef): Promise<void> {
  await quietly(deps, ref, 'ring', async () => {
    await within(PATIENCE_MS, deps.workflows.ring(ref, 'evidence'));
  });
}

/** Takes the one ring a minute that evidence may cause (product §3, Bells). False: somebody rang just now. */
export async function takeRing(tx: Tx, { tenantId, classId }: ClassRef, nowMs: number): Promise<boolean> {
  const taken = await tx
    .update(classes)
    .set({ lastRungAt: new Date(nowMs) })
    .where(
      and(
        eq(classes.tenantId, tenantId),
        eq(classes.id, classId),
        or(isNull(classes.lastRungAt), lte(classes.lastRungAt, new Date(nowMs - MINUTE_MS))),
      ),
    )
    .returning({ id: classes.id });
  return taken.length > 0;
}

async function quietly(
  { log, metrics }: Deps,
  ref: ClassRef,
  call: 'start' | 'ring',
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (err) {
    metrics.temporalFailures.inc({ call });
    log.warn({ err, tenant: ref.tenantId, class_id: ref.classId, call }, 'the workflow could not be told');
  }
}
