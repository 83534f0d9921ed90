/**
 * Finds the classes that Temporal does not know of, or was not told about: it was away when they were scheduled or
 * moved, or lost its own data; the settled ones that got evidence afterwards; and messages to other systems that nobody
 * delivers, or that are too old to be kept. All of it is idempotent, so several servers may sweep at once.
 */
import { and, eq, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { calculateClass } from '../db/calculations.ts';
import { type ClassRef, type Database, inTenant } from '../db/client.ts';
import { readClass } from '../db/plans.ts';
import { removeOldMessages } from '../db/retention.ts';
import { takeRing } from '../db/rings.ts';
import { classes } from '../db/schema.ts';
import { noteDeliveryStarted } from '../db/webhook-deliveries.ts';
import { loggable } from '../loggable.ts';
import type { ClassWorkflows } from './class-workflows.ts';

export interface SweeperDeps {
  db: Database;
  workflows: ClassWorkflows;
  log: Logger;
}

/** The promise is to be back at work 15 s after Temporal is. */
const EVERY_MS = 2_000;
/** So long past the instant at which a workflow meant to do something, it may be gone. */
const SILENCE = '15 seconds';
const AT_ONCE = 200;
const FAILURES_IN_A_ROW = 3;
/** A change of a large school tells of a thousand classes at once. */
const DELIVERIES_AT_ONCE = 8;
const FORGET_EVERY_MS = 3_600_000;

interface Found {
  [column: string]: unknown;
  tenant_id: string;
  class_id: string;
}

/** Sweeps until stopped. `stop` waits for the sweep that is under way. */
export function startSweeper(deps: SweeperDeps): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let forgotMs = 0;
  const running = (async () => {
    while (!stopping.signal.aborted) {
      // Apart: a Temporal that is away keeps nobody from calculating.
      const forgets = Date.now() - forgotMs >= FORGET_EVERY_MS;
      if (forgets) forgotMs = Date.now();
      const always = [sweep, ringLate, calculateLate, startDeliveries];
      for (const work of forgets ? [...always, forgetOldMessages] : always) {
        await work(deps).catch((error: unknown) =>
          deps.log.warn({ failure: loggable(error) }, 'the sweep failed'),
        );
      }
      await pause(EVERY_MS, stopping.signal);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** One look. Returns how many classes were started or rung. Throws when the database or Temporal is away. */
export async function sweep({ db, workflows, log }: SweeperDeps): Promise<number> {
  const neglected = await db.orm.execute<Found>(
    sql`select tenant_id, class_id from rollcall_neglected_classes(${SILENCE}::interval, ${AT_ONCE})`,
  );
  await helpEach(neglected.map(refOf), log, async (ref) => {
    const done = await bringUp({ db, workflows }, ref);
    log.info({ ...ref, done }, 'the sweeper looked after a class');
  });
  return neglected.length;
}

/**
 * Rings for evidence whose server died before it rang: the next attempt of the workflow by itself may be hours away. Which
 * of several servers rings, the ring of the minute decides. Returns how many classes were found.
 */
export async function ringLate({ db, workflows, log }: SweeperDeps): Promise<number> {
  const unrung = await db.orm.execute<Found>(
    sql`select tenant_id, class_id from rollcall_unrung_classes(${AT_ONCE})`,
  );
  await helpEach(unrung.map(refOf), log, async (ref) => {
    const waitMs = await inTenant(db, ref.tenantId, (tx) => takeRing(tx, ref, Date.now()));
    // Where this fails the evidence is still pending, and rings in the next minute.
    if (waitMs === 0) await workflows.ring(ref, 'evidence');
  });
  return unrung.length;
}

const refOf = ({ tenant_id: tenantId, class_id: classId }: Found): ClassRef => ({ tenantId, classId });

/** One that cannot be helped must not keep the others waiting; when none can, Temporal or the database is away. */
async function helpEach<T extends object>(
  found: readonly T[],
  log: Logger,
  help: (one: T) => Promise<void>,
  atOnce = 1,
): Promise<void> {
  let inARow = 0;
  const waiting = found.values();
  const lane = async (): Promise<void> => {
    for (const one of waiting) {
      try {
        await help(one);
        inARow = 0;
      } catch (error) {
        if (++inARow >= FAILURES_IN_A_ROW || found.length === 1) throw error;
        const about: object = one;
        log.warn({ failure: loggable(error), ...about }, 'the sweeper could not help');
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** Evidence that came after the settling makes a new version (product §3). Returns how many classes were calculated. */
export async function calculateLate({ db, log }: Omit<SweeperDeps, 'workflows'>): Promise<number> {
  const late = await db.orm.execute<Found>(
    sql`select tenant_id, class_id from rollcall_uncalculated_classes(${AT_ONCE})`,
  );
  for (const { tenant_id: tenantId, class_id: classId } of late) {
    try {
      await inTenant(db, tenantId, (tx) => calculateClass(tx, { tenantId, classId }));
    } catch (error) {
      if (late.length === 1) throw error;
      log.warn({ failure: loggable(error), tenantId, classId }, 'late evidence could not be calculated');
    }
  }
  return late.length;
}

/** Starts what announces changes to other systems. Returns how many deliveries were found. */
export async function startDeliveries({ db, workflows, log }: SweeperDeps): Promise<number> {
  const neglected = await db.orm.execute<{ tenant_id: string; id: string }>(
    sql`select tenant_id, id from rollcall_neglected_deliveries(${AT_ONCE})`,
  );
  const refs = neglected.map(({ tenant_id: tenantId, id: deliveryId }) => ({ tenantId, deliveryId }));
  const start = async (ref: (typeof refs)[number]): Promise<void> => {
    await workflows.startDelivery(ref.tenantId, ref.deliveryId);
    await inTenant(db, ref.tenantId, (tx) => noteDeliveryStarted(tx, ref));
  };
  await helpEach(refs, log, start, DELIVERIES_AT_ONCE);
  return neglected.length;
}

/** Removes what other systems were told more than thirty days ago. Returns how many messages were removed. */
export async function forgetOldMessages({ db }: Pick<SweeperDeps, 'db'>): Promise<number> {
  const whose = await db.orm.execute<{ tenant_id: string }>(
    sql`select tenant_id from rollcall_tenants_with_old_messages(${AT_ONCE})`,
  );
  let removed = 0;
  for (const { tenant_id: tenantId } of whose) {
    removed += await inTenant(db, tenantId, (tx) => removeOldMessages(tx, tenantId));
  }
  return removed;
}

async function bringUp({ db, workflows }: Omit<SweeperDeps, 'log'>, ref: ClassRef): Promise<string> {
  const { row } = await inTenant(db, ref.tenantId, (tx) => readClass(tx, ref));
  // Since it was found: its workflow has done all there is to do.
  if (row.settledAt !== null) return 'settled';
  const started = await workflows.start(ref, row.startAt.getTime());
  const untold = started === 'already_started' && row.planRungVersion < row.planVersion;
  // A workflow that is only late, because no worker is there, needs no bell: each would cost history for nothing.
  if (untold) await workflows.ring(ref, 'plan');
  // Evidence that Temporal did not hear of is noted as a change of the plan too, and a plan alone makes no attempt.
  if (untold && (row.status === 'ended' || row.status === 'reconciling'))
    await workflows.ring(ref, 'evidence');
  await inTenant(db, ref.tenantId, (tx) =>
    tx
      .update(classes)
      .set({
        workflowStartedAt: sql`now()`,
        // A plan that changed after it was read above is not told by this ring.
        planRungVersion: sql`greatest(${classes.planRungVersion}, ${row.planVersion})`,
      })
      .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId))),
  );
  return untold ? 'rung' : started;
}
