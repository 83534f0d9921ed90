import { and, eq, sql } from 'drizzle-orm';
import type { Tx } from './client.ts';
import { idempotencyKeys } from './schema.ts';

export type Claim =
  | { kind: 'new' }
  | { kind: 'replay'; status: number; body: unknown }
  | { kind: 'other_request' };

/** A client that repeats a request does so within minutes, and after an outage within hours. */
const KEPT = '24 hours';

/** A few at a time, so that no call pays for all that gathered. */
const FORGOTTEN_AT_ONCE = 20;

/**
 * Takes a key for this transaction. Somebody else who is just working under the same key is waited for: their commit
 * shows their answer, their rollback leaves the key to us.
 */
export async function claimKey(tx: Tx, tenantId: string, key: string, requestHash: string): Promise<Claim> {
  await forgetOldKeys(tx, tenantId);
  const taken = await tx
    .insert(idempotencyKeys)
    .values({ tenantId, key, requestHash })
    .onConflictDoNothing()
    .returning({ key: idempotencyKeys.key });
  if (taken.length > 0) return { kind: 'new' };
  return (await findAnswer(tx, tenantId, key, requestHash)) ?? { kind: 'new' };
}

/** The answer that was given under a key, or null when there is none yet. */
export async function findAnswer(
  tx: Tx,
  tenantId: string,
  key: string,
  requestHash: string,
): Promise<Claim | null> {
  const [found] = await tx
    .select()
    .from(idempotencyKeys)
    .where(and(eq(idempotencyKeys.tenantId, tenantId), eq(idempotencyKeys.key, key)));
  if (!found) return null;
  if (found.requestHash !== requestHash) return { kind: 'other_request' };
  return found.status === null ? null : { kind: 'replay', status: found.status, body: found.body };
}

/** Keeps the answer beside its effect, in the transaction that made it. */
export async function keepAnswer(
  tx: Tx,
  tenantId: string,
  key: string,
  answer: { requestHash: string; status: number; body: unknown },
): Promise<void> {
  await tx
    .insert(idempotencyKeys)
    .values({ tenantId, key, ...answer })
    .onConflictDoUpdate({
      target: [idempotencyKeys.tenantId, idempotencyKeys.key],
      set: { status: answer.status, body: answer.body },
    });
}

async function forgetOldKeys(tx: Tx, tenantId: string): Promise<void> {
  await tx.execute(sql`
    delete from idempotency_keys where tenant_id = ${tenantId} and key in (
      select key from idempotency_keys
      where tenant_id = ${tenantId} and created_at < now() - ${KEPT}::interval
      order by created_at limit ${FORGOTTEN_AT_ONCE} for update skip locked)`);
}
