/**
 * Looks at classes that are on, at the instants at which something could be cause for alarm, and raises or resolves
 * alerts. Several servers may look at once: each class is taken by one of them.
 */
import { and, eq, ne, sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import { calculateAttendance } from '../attendance/calculate.ts';
import { endLook, takeLook } from '../db/alerts.ts';
import { readClassFacts } from '../db/class-facts.ts';
import { viewClass } from '../db/classes.ts';
import { type ClassRef, type Database, inTenant, type Tx } from '../db/client.ts';
import { policyOf } from '../db/policy-in-force.ts';
import { classIdentities, identities } from '../db/schema.ts';
import { readTenant } from '../db/tenants.ts';
import { loggable } from '../loggable.ts';
import { type AlarmTimes, type ClassOnView, causesForAlarm } from './causes.ts';
import { settleAndTell } from './settle-alerts.ts';

const EVERY_MS = 2_000;
const AT_ONCE = 200;
/** A look that fails, or whose server dies, is taken again; until then it keeps no other class waiting. */
const TAKEN_MS = 15_000;
const NO_MORE_MS = 366 * 24 * 3_600_000;
/** Out of the box; a tenant may set its own. */
export const ALARM_AFTER_SECONDS = { teacher: 180, student: 600 };

interface WatchDeps {
  db: Database;
  now: () => number;
  log: Logger;
}

/** Looks again and again until it is stopped. */
export function watchClasses(deps: WatchDeps): { stop(): Promise<void> } {
  let running: Promise<unknown> | null = null;
  const timer = setInterval(() => {
    running ??= lookForAlarm(deps)
      .catch((error: unknown) => deps.log.warn({ failure: loggable(error) }, 'nobody looked for alarm'))
      .finally(() => {
        running = null;
      });
  }, EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

/** One look at every class that is due. Answers how many there were. */
export async function lookForAlarm({ db, now, log }: WatchDeps): Promise<number> {
  const nowMs = now();
  const due = await db.orm.execute<{ tenant_id: string; class_id: string }>(
    sql`select tenant_id, class_id
      from rollcall_classes_to_look_at(${new Date(nowMs).toISOString()}::timestamptz, ${AT_ONCE})`,
  );
  for (const { tenant_id: tenantId, class_id: classId } of due) {
    try {
      await lookAtClass(db, { tenantId, classId }, nowMs);
    } catch (error) {
      log.warn({ failure: loggable(error), tenantId, classId }, 'a class could not be looked at for alarm');
    }
  }
  return due.length;
}

/** The class is free while it is looked at: evidence that makes it due again would have to wait. */
async function lookAtClass(db: Database, ref: ClassRef, nowMs: number): Promise<void> {
  const untilMs = nowMs + TAKEN_MS;
  if (!(await inTenant(db, ref.tenantId, (tx) => takeLook(tx, ref, { nowMs, untilMs })))) return;
  await inTenant(db, ref.tenantId, async (tx) => {
    const { view, times } = await readView(tx, ref, nowMs);
    const { nextMs, ...causes } = causesForAlarm(view, times, nowMs);
    // Past its end a class is looked at no more, unless it is moved: its alerts end with it.
    const isOn = await endLook(tx, ref, { untilMs, nextMs: Math.min(nextMs, nowMs + NO_MORE_MS) });
    if (isOn) await settleAndTell(tx, ref, causes, nowMs);
  });
}

async function readView(
  tx: Tx,
  ref: ClassRef,
  nowMs: number,
): Promise<{ view: ClassOnView; times: AlarmTimes }> {
  const { row, session, roster } = await viewClass(tx, ref);
  const { settings } = await readTenant(tx, ref.tenantId);
  const facts = await readClassFacts(tx, ref, { row, session, policy: await policyOf(tx, row) });
  const { stays } = calculateAttendance(facts, { kind: 'live', nowMs }, () => '');
  const listed = facts.sweeps.filter(({ ok }) => ok).map(({ atMs }) => atMs);
  const told = facts.events.filter(({ source }) => source === row.provider).map(({ atMs }) => atMs);
  const latest = (instants: number[]): number | null =>
    instants.length === 0 ? null : instants.reduce((a, b) => Math.max(a, b));
  return {
    view: {
      provider: row.provider,
      startMs: facts.startMs,
      endMs: facts.endMs,
      checkMs: row.provider === 'meet' ? facts.pollMs : facts.verifyMs,
      roster,
      stays,
      unmatched: await readUnmatched(tx, ref),
      listedMs: latest(listed),
      heardMs: latest([...listed, ...told]),
    },
    times: {
      teacherMs: (settings.teacher_missing_after_seconds ?? ALARM_AFTER_SECONDS.teacher) * 1_000,
      studentMs: (settings.student_missing_after_seconds ?? ALARM_AFTER_SECONDS.student) * 1_000,
    },
  };
}

/** With the name that the provider shows. */
async function readUnmatched(tx: Tx, { tenantId, classId }: ClassRef): Promise<Map<string, string>> {
  const rows = await tx
    .select({ source: identities.source, identity: identities.identity, name: identities.displayName })
    .from(classIdentities)
    .innerJoin(
      identities,
      and(eq(identities.tenantId, classIdentities.tenantId), eq(identities.id, classIdentities.identityId)),
    )
    .where(
      and(
        eq(classIdentities.tenantId, tenantId),
        eq(classIdentities.classId, classId),
        eq(classIdentities.state, 'unmatched'),
        ne(identities.kind, 'machine'),
      ),
    );
  return new Map(rows.map(({ source, identity, name }) => [`${source}:${identity}`, name ?? identity]));
}
