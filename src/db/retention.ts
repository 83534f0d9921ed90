/**
 * What of a tenant may be removed, and what never is. The log and what was calculated from it are the proof behind
 * bills: the database refuses to change or delete them, for anybody.
 */
import { sql } from 'drizzle-orm';
import type { Tx } from './client.ts';

/** A request is repeated within hours or never (idempotency.ts); until then its answer stays, whatever is asked. */
export const ANSWERS_KEPT_MS = 24 * 3_600_000;

/** Rows by table. */
export interface Retention {
  removable: { idempotency_keys: number };
  kept: Record<string, number>;
}

const MESSAGES_AT_ONCE = 5_000;
/** Whole tables are counted, which may take longer than anything a server does. */
const PATIENCE = '10min';

/** Counts what is older than `beforeMs`, and of the answers what is older than `answersBeforeMs`. */
export async function countOlder(
  tx: Tx,
  tenantId: string,
  { beforeMs, answersBeforeMs }: { beforeMs: number; answersBeforeMs: number },
): Promise<Retention> {
  const before = sql`${new Date(beforeMs).toISOString()}::timestamptz`;
  await tx.execute(sql`select set_config('statement_timeout', ${PATIENCE}, true)`);
  const [answers] = await tx.execute<{ rows: number }>(sql`
    select count(*)::integer as rows from idempotency_keys
    where tenant_id = ${tenantId} and created_at < ${new Date(answersBeforeMs).toISOString()}::timestamptz`);
  const kept = await tx.execute<{ name: string; rows: number }>(sql`
    select 'events' as name, count(*)::integer as rows from events where tenant_id = ${tenantId} and received_at < ${before}
    union all select 'sweeps', count(*)::integer from sweeps where tenant_id = ${tenantId} and at < ${before}
    union all select 'set_aside', count(*)::integer from set_aside where tenant_id = ${tenantId} and received_at < ${before}
    union all select 'identity_decisions', count(*)::integer from identity_decisions
      where tenant_id = ${tenantId} and decided_at < ${before}
    union all select 'policies', count(*)::integer from policies where tenant_id = ${tenantId} and created_at < ${before}
    union all select 'calculations', count(*)::integer from calculations
      where tenant_id = ${tenantId} and calculated_at < ${before}
    union all select 'records', count(*)::integer from records r join calculations k using (tenant_id, class_id, version)
      where tenant_id = ${tenantId} and k.calculated_at < ${before}`);
  return {
    removable: { idempotency_keys: answers?.rows ?? 0 },
    kept: Object.fromEntries(kept.map(({ name, rows }) => [name, rows])),
  };
}

/** Removes messages to other systems, the oldest, that the database lets go (drizzle/0006) and nobody still delivers. */
export async function removeOldMessages(tx: Tx, tenantId: string): Promise<number> {
  const removed = await tx.execute(sql`
    with old as (
      select m.id from webhook_messages m
      where m.tenant_id = ${tenantId} and m.created_at < now() - interval '30 days'
        and not exists (select from webhook_deliveries d
          where d.tenant_id = m.tenant_id and d.message_id = m.id and d.status = 'pending')
      order by m.created_at limit ${MESSAGES_AT_ONCE}),
    sent as (delete from webhook_deliveries d using old where d.tenant_id = ${tenantId} and d.message_id = old.id)
    delete from webhook_messages m using old where m.tenant_id = ${tenantId} and m.id = old.id`);
  return removed.count;
}

/** Removes the oldest answers that are older than `beforeMs`, at most so many; answers how many there were. */
export async function removeAnswers(
  tx: Tx,
  tenantId: string,
  { beforeMs, most }: { beforeMs: number; most: number },
): Promise<number> {
  const removed = await tx.execute(sql`
    delete from idempotency_keys where tenant_id = ${tenantId} and key in (
      select key from idempotency_keys
      where tenant_id = ${tenantId} and created_at < ${new Date(beforeMs).toISOString()}::timestamptz
      order by created_at limit ${most} for update skip locked)`);
  return removed.count;
}
