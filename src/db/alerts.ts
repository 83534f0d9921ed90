/** Alerts of classes: raised when there is cause, resolved when there is none any more. */
import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Cause, Subject } from '../alerts/causes.ts';
import type { ClassRef, Tx } from './client.ts';
import { alerts } from './schema.ts';

export type AlertRow = typeof alerts.$inferSelect;

export interface Causes {
  causes: readonly Cause[];
  undecided?: readonly Subject[];
}

/** Those that are not resolved, the first first, by class. */
export async function readOpenAlerts(
  tx: Tx,
  tenantId: string,
  classIds: readonly string[],
): Promise<Map<string, AlertRow[]>> {
  if (classIds.length === 0) return new Map();
  const rows = await tx
    .select()
    .from(alerts)
    .where(
      and(eq(alerts.tenantId, tenantId), inArray(alerts.classId, [...classIds]), isNull(alerts.resolvedAt)),
    )
    .orderBy(asc(alerts.id));
  return Map.groupBy(rows, ({ classId }) => classId);
}

/** Raises what is not raised yet and resolves what is neither caused any more nor undecided. Answers what is new of both. */
export async function settleAlerts(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  { causes, undecided = [] }: Causes,
  nowMs: number,
): Promise<{ raised: AlertRow[]; resolved: AlertRow[] }> {
  const now = new Date(nowMs);
  const open = (await readOpenAlerts(tx, tenantId, [classId])).get(classId) ?? [];
  const isOneOf = (row: AlertRow, subjects: readonly Subject[]): boolean =>
    subjects.some(({ kind, about }) => kind === row.kind && about === row.about);
  const over = open.filter((row) => !isOneOf(row, causes) && !isOneOf(row, undecided)).map(({ id }) => id);
  const resolved =
    over.length === 0
      ? []
      : await tx
          .update(alerts)
          .set({ resolvedAt: now })
          .where(and(eq(alerts.tenantId, tenantId), inArray(alerts.id, over), isNull(alerts.resolvedAt)))
          .returning();
  const fresh = causes.filter(
    ({ kind, about }) => !open.some((row) => row.kind === kind && row.about === about),
  );
  const raised =
    fresh.length === 0
      ? []
      : await tx
          .insert(alerts)
          .values(fresh.map((cause) => ({ tenantId, classId, ...cause, raisedAt: now })))
          .onConflictDoNothing()
          .returning();
  return { raised, resolved };
}

/** The class if it is due for a look, for one of several servers; until `untilMs` no other one gets it. */
export async function takeLook(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  { nowMs, untilMs }: { nowMs: number; untilMs: number },
): Promise<boolean> {
  const taken = await tx.execute(sql`
    update classes set alerts_due_at = ${new Date(untilMs).toISOString()}::timestamptz
    where tenant_id = ${tenantId} and id = ${classId} and status in ('open', 'scheduled')
      and coalesce(alerts_due_at, start_at) <= ${new Date(nowMs).toISOString()}::timestamptz
    returning id`);
  return taken.length > 0;
}

/**
 * Ends the look that was taken until `untilMs`: the next one is at `nextMs`, or at once where it has become due meanwhile.
 * False: the class is over. Until the transaction ends nobody changes it.
 */
export async function endLook(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  { untilMs, nextMs }: { untilMs: number; nextMs: number },
): Promise<boolean> {
  const ended = await tx.execute(sql`
    update classes set alerts_due_at = case alerts_due_at when ${new Date(untilMs).toISOString()}::timestamptz
      then ${new Date(nextMs).toISOString()}::timestamptz else alerts_due_at end
    where tenant_id = ${tenantId} and id = ${classId} and status in ('open', 'scheduled')
    returning id`);
  return ended.length > 0;
}
