/** Rescheduling and cancelling: what is allowed depends on the hour (product §3). */
import { and, eq, sql } from 'drizzle-orm';
import { settleAndTell } from '../alerts/settle-alerts.ts';
import type { Provider } from '../attendance/facts.ts';
import { type ClassDetails, detailsOf } from './class-details.ts';
import { type Phase, phaseOf } from './class-phase.ts';
import { changedFields, followChange } from './class-request.ts';
import { type ClassView, viewClass } from './classes.ts';
import type { ClassRef, Tx } from './client.ts';
import { moveSession } from './move-session.ts';
import { type ClassRow, openAt } from './plans.ts';
import { PolicyNotFound, policyDateOf, policyOf } from './policy-in-force.ts';
import { roomNameOf } from './room-name.ts';
import { writeRoster } from './rosters.ts';
import { classes } from './schema.ts';
import { readTenant } from './tenants.ts';

type Plain = Omit<ClassDetails, 'startMs' | 'endMs' | 'provider'>;

/** What is left out stays as it is. */
export type ClassChange = { [K in keyof Plain]?: Plain[K] | undefined } & {
  startMs?: number | undefined;
  endMs?: number | undefined;
  durationMs?: number | undefined;
  /** With the tenant's pattern, by which a class that moves to LiveKit gets its room. */
  provider?: { name: Provider; roomPattern: string } | undefined;
};

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
  const before = detailsOf(view);
  const { startMs: start = before.startMs } = change;
  const butTheEnd: ClassDetails = { ...before, ...chosen(before, change), startMs: start };
  const refusal = refusalOf(phase, changedFields(before, butTheEnd));
  if (refusal !== null) return { kind: 'refused', reason: refusal };
  const times = newTimes(before, change, phase, nowMs);
  if ('field' in times) return { kind: 'invalid', ...times };
  const after: ClassDetails = { ...butTheEnd, ...times };
  const contradiction = contradictionOf(after, change);
  if (contradiction !== null) return { kind: 'invalid', ...contradiction };
  const changed = changedFields(before, after);
  if (Object.keys(changed).length === 0) return { kind: 'changed', view, planVersion: null };

  const { row } = view;
  const policyDate = await newPolicyDate(tx, row, after, changed);
  if (typeof policyDate === 'object') return { kind: 'invalid', ...policyDate };
  if ('teacher_email' in changed || 'student_emails' in changed) await writeRoster(tx, ref, after);
  const moved = 'provider' in changed || 'meeting_code' in changed;
  if (moved) {
    const { meetingCode } = after;
    await moveSession(tx, ref, { meetingCode, roomName: newRoom(ref, change.provider, after.sessionType) });
  }
  const planVersion = row.planVersion + 1;
  const opensMs = openAt(row.id, after.startMs, after.openLeadSeconds * 1_000);
  const { startMs, endMs, teacherEmail: _teacher, studentEmails: _students, ...columns } = after;
  await tx
    .update(classes)
    .set({
      ...columns,
      startAt: new Date(startMs),
      endAt: new Date(endMs),
      policyDate,
      request: followChange(row.request, changed),
      planVersion,
      // What kept the old place from being captured says nothing about the new one.
      ...(moved ? { captureProblem: null } : {}),
      // Opened already, and now so far ahead that it will be opened another time.
      ...(row.status === 'open' && opensMs > nowMs ? { status: 'scheduled' as const, openedAt: null } : {}),
    })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
  return { kind: 'changed', view: await viewClass(tx, ref), planVersion };
}

/** A code goes with Meet alone: a class that moves elsewhere leaves it behind. */
function chosen(before: ClassDetails, change: ClassChange): Omit<ClassDetails, 'startMs' | 'endMs'> {
  const provider = change.provider?.name ?? before.provider;
  const kept = provider === 'meet' ? before.meetingCode : null;
  return {
    teacherEmail: change.teacherEmail ?? before.teacherEmail,
    studentEmails: change.studentEmails ?? before.studentEmails,
    subject: change.subject ?? before.subject,
    sessionType: change.sessionType ?? before.sessionType,
    provider,
    meetingCode: change.meetingCode === undefined ? kept : change.meetingCode,
    policy: change.policy ?? before.policy,
    timeZone: change.timeZone ?? before.timeZone,
    openLeadSeconds: change.openLeadSeconds ?? before.openLeadSeconds,
    pollSeconds: change.pollSeconds ?? before.pollSeconds,
    verifySeconds: change.verifySeconds ?? before.verifySeconds,
    graceSeconds: change.graceSeconds ?? before.graceSeconds,
  };
}

interface FieldProblem {
  field: string;
  message: string;
}

function contradictionOf(after: ClassDetails, change: ClassChange): FieldProblem | null {
  if (after.studentEmails.includes(after.teacherEmail)) {
    const field = change.studentEmails === undefined ? 'teacher_email' : 'student_emails';
    return { field, message: 'the teacher of a class must not be one of its students' };
  }
  if (after.meetingCode !== null && after.provider !== 'meet') {
    const message = `goes with provider meet; this class is for ${after.provider}`;
    return { field: 'meeting_code', message };
  }
  return null;
}

function newRoom(ref: ClassRef, provider: ClassChange['provider'], sessionType: string): string | null {
  return provider?.name === 'livekit' ? roomNameOf(provider.roomPattern, ref, sessionType) : null;
}

/** The day by which the policy is chosen, on which it must hold; the same as before unless the class moves. */
async function newPolicyDate(
  tx: Tx,
  row: ClassRow,
  after: ClassDetails,
  changed: Record<string, unknown>,
): Promise<string | FieldProblem> {
  const moves = 'start_time' in changed;
  if (!moves && !('policy' in changed)) return row.policyDate;
  const { timeZone } = await readTenant(tx, row.tenantId);
  const policyDate = moves ? policyDateOf(after.startMs, timeZone) : row.policyDate;
  try {
    await policyOf(tx, { ...row, policy: after.policy, policyDate });
    return policyDate;
  } catch (error) {
    if (!(error instanceof PolicyNotFound)) throw error;
    return { field: 'policy' in changed ? 'policy' : 'start_time', message: error.message };
  }
}

/** @param changed what would become different, but for the end */
function refusalOf(phase: Phase, changed: Record<string, unknown>): string | null {
  switch (phase) {
    case 'ahead':
      return null;
    case 'active':
      return Object.keys(changed).length === 0
        ? null
        : 'the class has begun; only its end can still be changed';
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
function newTimes(before: Times, change: ClassChange, phase: Phase, nowMs: number): Times | FieldProblem {
  const length = change.durationMs ?? before.endMs - before.startMs;
  const startMs = change.startMs ?? before.startMs;
  const moved = change.startMs !== undefined || change.durationMs !== undefined;
  let endMs = change.endMs ?? (moved ? startMs + length : before.endMs);
  const field = 'end_time';
  if (phase === 'active' && endMs !== before.endMs) {
    if (endMs < nowMs - NOW_TOLERANCE_MS) {
      return { field, message: 'the class has begun; its end must be now or later' };
    }
    endMs = Math.max(endMs, nowMs);
  }
  if (endMs <= startMs) return { field, message: 'must be after the start' };
  if (endMs - startMs > LONGEST_MS) return { field, message: 'must be at most 24 hours after the start' };
  return { startMs, endMs };
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
  await settleAndTell(tx, ref, { causes: [] }, now());
  const planVersion = row.planVersion + 1;
  await tx
    .update(classes)
    .set({ status: 'cancelled', cancelledAt: new Date(now()), cancelReason: reason, planVersion })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
  return { kind: 'changed', view: await viewClass(tx, ref), planVersion };
}

/** Its workflow waits for what is no longer missing, and may wait for hours: then the sweeper rings it. */
export async function wakeIfWhole(
  tx: Tx,
  { tenantId, id: classId, status }: Pick<ClassRow, 'tenantId' | 'id' | 'status'>,
  missing: readonly unknown[],
): Promise<void> {
  if (status === 'reconciling' && missing.length === 0) await raisePlan(tx, { tenantId, classId });
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
