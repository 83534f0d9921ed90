/** Alerts of classes: raised when there is cause, resolved when there is none any more. */
import { and, asc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Cause } from '../alerts/causes.ts';
import type { ClassRef, Tx } from './client.ts';
import { alerts } from './schema.ts';

export type AlertRow = typeof alerts.$inferSelect;

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

/** Raises what is not raised yet and resolves what is not caused any more. Answers what is new of both. */
export async function settleAlerts(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  causes: readonly Cause[],
  nowMs: number,
): Promise<{ raised: AlertRow[]; resolved: AlertRow[] }> {
  const now = new Date(nowMs);
  const open = (await readOpenAlerts(tx, tenantId, [classId])).get(classId) ?? [];
  const isCause = (row: AlertRow): boolean =>
    causes.some(({ kind, about }) => kind === row.kind && about === row.about);
  const over = open.filter((row) => !isCause(row)).map(({ id }) => id);
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
    where tenant_id = ${tenantId} and id = ${classId} and status = 'open'
      and coalesce(alerts_due_at, start_at) <= ${new Date(nowMs).toISOString()}::timestamptz
    returning id`);
  return taken.length > 0;
}

export async function setNextLook(tx: Tx, { tenantId, classId }: ClassRef, nextMs: number): Promise<void> {
  await tx.execute(sql`
    update classes set alerts_due_at = ${new Date(nextMs).toISOString()}::timestamptz
    where tenant_id = ${tenantId} and id = ${classId}`);
}
