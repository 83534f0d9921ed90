/** Calculates the attendance of a class and appends it as a new version, or answers the version that is there. */
import { createHash } from 'node:crypto';
import { and, desc, eq } from 'drizzle-orm';
import { calculateAttendance } from '../attendance/calculate.ts';
import { missingWith } from '../attendance/effective-status.ts';
import type { Moment } from '../attendance/facts.ts';
import type { Policy } from '../attendance/policy.ts';
import type { ClassAttendance, Missing, PersonAttendance, Stay } from '../attendance/record.ts';
import { readClassFacts } from './class-facts.ts';
import type { FoundClass } from './class-phase.ts';
import type { ClassRef, Tx } from './client.ts';
import { readMarks } from './marks.ts';
import { announce } from './outgoing.ts';
import { announceAttendance } from './outgoing-attendance.ts';
import { readClass } from './plans.ts';
import { policyOf } from './policy-in-force.ts';
import { calculations, classes, records } from './schema.ts';

export interface StoredCalculation {
  version: number;
  inputsHash: string;
  isComplete: boolean;
  /** As of the calculation; later marks may have taken something from it. */
  missing: Missing[];
  policy: { name: string; preset: string; version: number };
  people: PersonAttendance[];
  stays: Stay[];
  calculatedAtMs: number;
}

const digest = (canonical: string): string => createHash('sha256').update(canonical).digest('hex');

/** Provisional figures before the first calculation: who is in, and for how long, at `nowMs` or when it was cancelled. */
export async function calculateLive(tx: Tx, ref: ClassRef, nowMs: number): Promise<ClassAttendance> {
  const found = await readClass(tx, ref);
  const atMs = Math.min(nowMs, found.row.cancelledAt?.getTime() ?? nowMs);
  return await judge(tx, found, await policyOf(tx, found.row), { kind: 'live', nowMs: atMs });
}

/**
 * What the rules say on what is known at `nowMs`, with nothing stored: live until the scheduled end; from then on, when it
 * may be accepted, without the time that nobody has vouched for yet, as a calculation would say.
 */
export async function calculateNow(tx: Tx, ref: ClassRef, nowMs: number): Promise<ClassAttendance> {
  const found = await readClass(tx, ref);
  const { policyVersion, cancelledAt, endAt } = found.row;
  const live = policyVersion === null && (cancelledAt !== null || nowMs < endAt.getTime());
  if (live) return await calculateLive(tx, ref, nowMs);
  return await judge(tx, found, await policyOf(tx, found.row), { kind: 'settled' });
}

async function judge(tx: Tx, found: FoundClass, policy: Policy, moment: Moment): Promise<ClassAttendance> {
  const { tenantId, id: classId } = found.row;
  const facts = await readClassFacts(tx, { tenantId, classId }, { ...found, policy });
  return calculateAttendance(facts, moment, digest);
}

/**
 * Calculates from the facts. The first calculation fixes the policy version; `policyVersion` asks for another. A class
 * that is settled already stays settled and changes between `completed` and `incomplete` as its evidence and marks do.
 */
export async function calculateClass(
  tx: Tx,
  ref: ClassRef,
  options: { policyVersion?: number } = {},
): Promise<StoredCalculation> {
  // The lock puts calculations of one class in a row, so that each sees the version before it.
  const found = await readClass(tx, ref, 'for update');
  const { row } = found;
  const policy = await policyOf(tx, row, options.policyVersion ?? row.policyVersion);
  const result = await judge(tx, found, policy, { kind: 'settled' });
  const inputsHash = result.inputsHash ?? '';
  const latest = await readCalculation(tx, ref);
  const { standing } = await readMarks(tx, ref);
  const missing = missingWith(result.missing, result.people, standing);
  const settled = row.settledAt !== null && row.cancelledAt === null;
  const status = missing.length === 0 ? 'completed' : 'incomplete';
  await tx
    .update(classes)
    .set({
      policyVersion: policy.version,
      isComplete: result.isComplete,
      missing,
      evidencePending: false,
      ...(settled && { status }),
    })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
  if (settled && status !== row.status) await announce(tx, ref, 'class.settled', { missing });
  // The figures are those that are there; what is missing also depends on the marks, which are no input of theirs.
  if (latest !== null && latest.inputsHash === inputsHash) return { ...latest, missing };
  const stored: StoredCalculation = {
    version: (latest?.version ?? 0) + 1,
    inputsHash,
    isComplete: result.isComplete,
    missing,
    policy: { name: policy.name, preset: policy.preset, version: policy.version },
    people: result.people,
    stays: result.stays,
    calculatedAtMs: Date.now(),
  };
  await append(tx, ref, stored);
  await announceAttendance(tx, ref);
  return stored;
}

async function append(tx: Tx, { tenantId, classId }: ClassRef, stored: StoredCalculation): Promise<void> {
  const { version } = stored;
  await tx.insert(calculations).values({
    tenantId,
    classId,
    version,
    inputsHash: stored.inputsHash,
    policy: stored.policy.name,
    policyPreset: stored.policy.preset,
    policyVersion: stored.policy.version,
    isComplete: stored.isComplete,
    missing: stored.missing,
    stays: stored.stays,
    calculatedAt: new Date(stored.calculatedAtMs),
  });
  if (stored.people.length === 0) return;
  await tx.insert(records).values(
    stored.people.map((attendance) => ({
      tenantId,
      classId,
      version,
      personId: attendance.personId,
      status: attendance.status,
      isFinal: attendance.isFinal,
      attendance,
    })),
  );
}

/** The latest calculation, or the one of `version`. */
export async function readCalculation(
  tx: Tx,
  ref: ClassRef,
  version?: number,
): Promise<StoredCalculation | null> {
  const [row] = await tx
    .select()
    .from(calculations)
    .where(
      and(
        eq(calculations.tenantId, ref.tenantId),
        eq(calculations.classId, ref.classId),
        version === undefined ? undefined : eq(calculations.version, version),
      ),
    )
    .orderBy(desc(calculations.version))
    .limit(1);
  if (!row) return null;
  const people = await tx
    .select({ attendance: records.attendance })
    .from(records)
    .where(
      and(
        eq(records.tenantId, ref.tenantId),
        eq(records.classId, ref.classId),
        eq(records.version, row.version),
      ),
    )
    .orderBy(records.personId);
  return {
    version: row.version,
    inputsHash: row.inputsHash,
    isComplete: row.isComplete,
    missing: row.missing,
    policy: { name: row.policy, preset: row.policyPreset, version: row.policyVersion },
    people: people.map(({ attendance }) => attendance),
    stays: row.stays,
    calculatedAtMs: row.calculatedAt.getTime(),
  };
}
