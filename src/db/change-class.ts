/** Rescheduling and cancelling: what is allowed depends on the hour (product §3). */
import { and, eq, sql } from 'drizzle-orm';
import { type Phase, phaseOf } from './class-phase.ts';
import { type ClassView, viewClass } from './classes.ts';
import type { ClassRef, Tx } from './client.ts';
import { openAt } from './plans.ts';
import { PolicyNotFound, policyDateOf, policyOf } from './policy-in-force.ts';
import { type Roster, writeRoster } from './rosters.ts';
import { classes } from './schema.ts';
import { readTenant } from './tenants.ts';

export interface ClassChange {
  startMs?: number | undefined;
  endMs?: number | undefined;
  durationMs?: number | undefined;
  subject?: string | undefined;
  teacherEmail?: string | undefined;
  studentEmails?: string[] | undefined;
}

export type Changed =
  /** `planVersion` null: it was so already, and nobody needs to be told. */
  | { kind: 'changed'; view: ClassView; planVersion: number | null }
  | { kind: 'refused'; reason: string }
  | { kind: 'invalid'; field: string; message: string };

/** A client that says "now" means the moment before its request arrived. */
const NOW_TOLERANCE_MS = 60_000;
const LONGEST_MS = 86_400_000;

/** `now` is asked after the row is locked: waiting for the lock may have taken the class past its start. */
export async function changeClass(
  tx: Tx,
  ref: ClassRef,
  change: ClassChange,
  now: () => number,
): Promise<Changed> {
  const view = await viewClass(tx, ref, 'for update');
  const nowMs = now();
  const phase = await phaseOf(tx, view, nowMs);
  const refusal = refusalOf(phase, change);
  if (refusal !== null) return { kind: 'refused', reason: refusal };
  const times = newTimes(view, change, phase, nowMs);
  if ('field' in times) return { kind: 'invalid', ...times };
  const roster = newRoster(view, change);
  if (roster?.studentEmails.includes(roster.teacherEmail)) {
    const field = change.studentEmails === undefined ? 'teacher_email' : 'student_emails';
    return { kind: 'invalid', field, message: 'the teacher of a class must not be one of its students' };
  }
  const { row } = view;
  const policyDate =
    times.startMs === row.startAt.getTime()
      ? row.policyDate
      : policyDateOf(times.startMs, (await readTenant(tx, ref.tenantId)).timeZone);
  if (!(await policyHolds(tx, { ...row, policyDate }))) {
    return {
      kind: 'invalid',
      field: 'start_time',
      message: `policy "${row.policy}" does not hold yet on that day`,
    };
  }
  const subject = change.subject ?? row.subject;
  const sameTimes = times.startMs === row.startAt.getTime() && times.endMs === row.endAt.getTime();
  if (sameTimes && roster === null && subject === row.subject)
    return { kind: 'changed', view, planVersion: null };
  if (roster !== null) await writeRoster(tx, ref, roster);
  const planVersion = row.planVersion + 1;
  const opensMs = openAt(row.id, times.startMs, row.openLeadSeconds * 1_000);
  await tx
    .update(classes)
    .set({
      subject,
      policyDate,
      startAt: new Date(times.startMs),
      endAt: new Date(times.endMs),
      planVersion,
      // Opened already, and now so far ahead that it will be opened another time.
      ...(row.status === 'open' && opensMs > nowMs ? { status: 'scheduled' as const, openedAt: null } : {}),
    })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
  return { kind: 'changed', view: await viewClass(tx, ref), planVersion };
}

async function policyHolds(tx: Tx, row: ClassView['row']): Promise<boolean> {
  try {
    await policyOf(tx, row);
    return true;
  } catch (error) {
    if (error instanceof PolicyNotFound) return false;
    throw error;
  }
}

function refusalOf(phase: Phase, change: ClassChange): string | null {
  switch (phase) {
    case 'ahead':
      return null;
    case 'active': {
      const { endMs: _end, durationMs: _duration, ...others } = change;
      const fixed = Object.values(others).some((value) => value !== undefined);
      return fixed ? 'the class has begun; only its end can still be changed' : null;
    }
    case 'over':
      return 'the class has ended; it can no longer be changed';
    case 'settled':
      return 'the class is settled; it can no longer be changed';
    case 'cancelled':
      return 'the class is cancelled';
    default:
      return phase satisfies never;
  }
}

interface Times {
  startMs: number;
  endMs: number;
}

/** A new start alone moves the class and keeps its length. */
function newTimes(
  { row }: ClassView,
  change: ClassChange,
  phase: Phase,
  nowMs: number,
): Times | { field: string; message: string } {
  const length = change.durationMs ?? row.endAt.getTime() - row.startAt.getTime();
  const startMs = change.startMs ?? row.startAt.getTime();
  const moved = change.startMs !== undefined || change.durationMs !== undefined;
  let endMs = change.endMs ?? (moved ? startMs + length : row.endAt.getTime());
  const field = 'end_time';
  if (phase === 'active' && endMs !== row.endAt.getTime()) {
    if (endMs < nowMs - NOW_TOLERANCE_MS) {
      return { field, message: 'the class has begun; its end must be now or later' };
    }
    endMs = Math.max(endMs, nowMs);
  }
  if (endMs <= startMs) return { field, message: 'must be after the start' };
  if (endMs - startMs > LONGEST_MS) return { field, message: 'must be at most 24 hours after the start' };
  return { startMs, endMs };
}

/** Null: the roster stays as it is. */
function newRoster({ roster }: ClassView, change: ClassChange): Roster | null {
  const teacher = roster.find((person) => person.role === 'teacher')?.email ?? '';
  const students = roster.filter((person) => person.role === 'student').map((person) => person.email);
  const teacherEmail = change.teacherEmail ?? teacher;
  const studentEmails = change.studentEmails ?? students;
  const same = teacherEmail === teacher && [...studentEmails].sort().join() === students.sort().join();
  return same ? null : { teacherEmail, studentEmails };
}

/** Works until the class is settled. The evidence stays; closing the room is the workflow's work. */
export async function cancelClass(
  tx: Tx,
  ref: ClassRef,
  reason: string,
  now: () => number,
): Promise<Changed> {
  const view = await viewClass(tx, ref, 'for update');
  const { row } = view;
  if (row.status === 'cancelled') return { kind: 'refused', reason: 'the class is cancelled already' };
  if (row.settledAt !== null || row.status === 'completed' || row.status === 'incomplete') {
    return { kind: 'refused', reason: 'the class is settled; it can no longer be cancelled' };
  }
  const planVersion = row.planVersion + 1;
  await tx
    .update(classes)
    .set({ status: 'cancelled', cancelledAt: new Date(now()), cancelReason: reason, planVersion })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
  return { kind: 'changed', view: await viewClass(tx, ref), planVersion };
}

/** Lets the sweeper ring the workflow. */
export async function raisePlan(tx: Tx, ref: ClassRef): Promise<void> {
  await tx
    .update(classes)
    .set({ planVersion: sql`${classes.planVersion} + 1` })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
}

/** The workflow has been started; it reads the plan as it is. */
export async function noteStarted(tx: Tx, ref: ClassRef): Promise<void> {
  await tx
    .update(classes)
    .set({ workflowStartedAt: sql`coalesce(${classes.workflowStartedAt}, now())` })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
}

/** The workflow has been told of the plan up to this version. */
export async function noteRung(tx: Tx, ref: ClassRef, planVersion: number): Promise<void> {
  await tx
    .update(classes)
    .set({ planRungVersion: sql`greatest(${classes.planRungVersion}, ${planVersion}::integer)` })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
}
