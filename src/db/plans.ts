/** When things happen to a class, worked out from its row. The workflow plans by it and reads it again when rung. */
import { and, asc, eq, gte, ne, or, sql } from 'drizzle-orm';
import { countingWindow } from '../attendance/counting-window.ts';
import type { Provider } from '../attendance/facts.ts';
import type { ClassRef, Tx } from './client.ts';
import { policyOf } from './policy-in-force.ts';
import { classes, sessions } from './schema.ts';

export type ClassRow = typeof classes.$inferSelect;
export type SessionRow = typeof sessions.$inferSelect;

/** How long evidence is asked for again (`ROLLCALL_RETRY_SECONDS`, `ROLLCALL_RETRY_FOR_SECONDS`). */
export interface RetryTimes {
  firstMs: number;
  forMs: number;
}

/** Plain data: it becomes part of the workflow's history, so it names nobody. Instants in milliseconds. */
export interface ClassPlan {
  status: ClassRow['status'];
  provider: Provider;
  /** It was over when it was scheduled: nothing to open, straight to reconciling. */
  scheduledAfterwards: boolean;
  /** A Meet class that has no space yet. */
  needsSpace: boolean;
  /** By a meeting code: the space is there and only has to be read. */
  spaceGiven: boolean;
  openAtMs: number;
  startMs: number;
  endMs: number;
  /** The end of the counting window. */
  windowEndMs: number;
  /** Between two fetches; null where evidence comes by itself. */
  checkMs: number | null;
  graceMs: number;
  graceUntilMs: number;
  /** The seven days are counted from here. */
  reconcileSinceMs: number;
  retryFirstMs: number;
  retryForMs: number;
}

export class ClassNotFound extends Error {
  readonly code = 'class_not_found';
  constructor({ classId }: ClassRef) {
    super(`there is no class ${classId}`);
  }
}

export async function readClass(
  tx: Tx,
  ref: ClassRef,
  lock?: 'for update',
): Promise<{ row: ClassRow; session: SessionRow }> {
  const query = tx
    .select({ row: classes, session: sessions })
    .from(classes)
    .innerJoin(sessions, and(eq(sessions.tenantId, classes.tenantId), eq(sessions.classId, classes.id)))
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId)));
  const [found] = await (lock ? query.for('update', { of: classes }) : query);
  if (!found) throw new ClassNotFound(ref);
  return found;
}

export async function readPlan(tx: Tx, ref: ClassRef, retry: RetryTimes): Promise<ClassPlan> {
  const { row, session } = await readClass(tx, ref);
  return await planOf(tx, row, session, retry);
}

export async function planOf(
  tx: Tx,
  row: ClassRow,
  session: SessionRow,
  retry: RetryTimes,
): Promise<ClassPlan> {
  const startMs = row.startAt.getTime();
  const endMs = row.endAt.getTime();
  const policy = await policyOf(tx, row);
  const nextClassStartMs = await nextClassInRoom(tx, row, session);
  const window = countingWindow({ startMs, endMs, nextClassStartMs, policy });
  const endedMs = row.endedAt?.getTime() ?? window.endMs;
  const scheduledMs = row.scheduledAt.getTime();
  return {
    status: row.status,
    provider: row.provider,
    scheduledAfterwards: scheduledMs >= window.endMs,
    needsSpace: row.provider === 'meet' && session.spaceName === null,
    spaceGiven: session.meetingCode !== null,
    openAtMs: openAt(row.id, startMs, row.openLeadSeconds * 1_000),
    startMs,
    endMs,
    windowEndMs: window.endMs,
    checkMs: checkMsOf(row),
    graceMs: row.graceSeconds * 1_000,
    graceUntilMs: endedMs + row.graceSeconds * 1_000,
    reconcileSinceMs: Math.max(window.endMs, scheduledMs),
    retryFirstMs: retry.firstMs,
    retryForMs: retry.forMs,
  };
}

/** Meet tells nothing by itself, LiveKit's deliveries may be lost, and a whiteboard keeps in touch with us. */
function checkMsOf({ provider, pollSeconds, verifySeconds }: ClassRow): number | null {
  switch (provider) {
    case 'meet':
      return pollSeconds * 1_000;
    case 'livekit':
      return verifySeconds * 1_000;
    case 'whiteboard':
      return null;
    default:
      return provider satisfies never;
  }
}

/** Start of the class that follows in the same Meet space or room: it cuts the overrun. */
export async function nextClassInRoom(tx: Tx, row: ClassRow, session: SessionRow): Promise<number | null> {
  // Of two classes with one code the space of one may be known and that of the other not yet.
  const known = [
    session.spaceName === null ? undefined : eq(sessions.spaceName, session.spaceName),
    session.meetingCode === null ? undefined : eq(sessions.meetingCode, session.meetingCode),
    session.roomName === null ? undefined : eq(sessions.roomName, session.roomName),
  ];
  const sameRoom = or(...known);
  if (sameRoom === undefined) return null;
  const [next] = await tx
    .select({ startAt: classes.startAt })
    .from(classes)
    .innerJoin(sessions, and(eq(sessions.tenantId, classes.tenantId), eq(sessions.classId, classes.id)))
    .where(
      and(
        eq(classes.tenantId, row.tenantId),
        ne(classes.id, row.id),
        ne(classes.status, 'cancelled'),
        gte(classes.startAt, row.endAt),
        sameRoom,
      ),
    )
    .orderBy(asc(classes.startAt))
    .limit(1);
  return next?.startAt.getTime() ?? null;
}

/** The opening is kept this clear of the start, as a share of the lead: no class opens after it. */
const KEPT_CLEAR = 0.25;

/**
 * When to open: spread by class id over the first three quarters of the lead, so that a thousand classes at nine
 * o'clock do not open in the same instant. `leadMs` 0 opens at the start.
 */
export function openAt(classId: string, startMs: number, leadMs: number): number {
  const spread = Number.parseInt(classId.slice(0, 8), 16) / 2 ** 32;
  return startMs - leadMs + Math.floor(spread * leadMs * (1 - KEPT_CLEAR));
}

/** When the workflow looks at the class next; null once the class is over, when each step says so itself. */
export function nextLookAt(plan: ClassPlan, nowMs: number): number | null {
  if (plan.status === 'scheduled') return plan.openAtMs;
  if (plan.status !== 'open') return null;
  if (nowMs < plan.startMs && plan.checkMs !== null) return plan.startMs;
  const edgeMs = nowMs < plan.endMs ? plan.endMs : plan.windowEndMs;
  return Math.min(nowMs + (plan.checkMs ?? Number.POSITIVE_INFINITY), edgeMs);
}

/** Longer than the pause between two tries of one activity: until then nobody need ask whether the workflow still runs. */
export const BUSY_MS = 60_000;

/** An activity is at work, which may take longer than what it noted as due before. */
export async function noteBusy(tx: Tx, ref: ClassRef, nowMs: number): Promise<void> {
  const untilAt = new Date(nowMs + BUSY_MS).toISOString();
  await tx
    .update(classes)
    .set({ workflowDueAt: sql`greatest(${classes.workflowDueAt}, ${untilAt}::timestamptz)` })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId), sql`settled_at is null`));
}

/** What an activity writes about the workflow's progress. */
export async function noteDue(tx: Tx, ref: ClassRef, dueMs: number): Promise<void> {
  await tx
    .update(classes)
    .set({ workflowDueAt: new Date(dueMs) })
    .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId), sql`settled_at is null`));
}
