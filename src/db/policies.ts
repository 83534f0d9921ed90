import { and, asc, eq, gt, max, or, sql } from 'drizzle-orm';
import type { PolicyDefinition } from '../attendance/policy.ts';
import type { Tx } from './client.ts';
import { policies } from './schema.ts';

export type PolicyRow = typeof policies.$inferSelect;

export async function listPolicies(
  tx: Tx,
  tenantId: string,
  { after, limit }: { after: { name: string; version: number } | null; limit: number },
): Promise<PolicyRow[]> {
  const beyond =
    after === null
      ? undefined
      : or(
          gt(policies.name, after.name),
          and(eq(policies.name, after.name), gt(policies.version, after.version)),
        );
  return await tx
    .select()
    .from(policies)
    .where(and(eq(policies.tenantId, tenantId), beyond))
    .orderBy(asc(policies.name), asc(policies.version))
    .limit(limit);
}

/** Appends the next version of a policy. */
export async function addPolicy(
  tx: Tx,
  tenantId: string,
  definition: PolicyDefinition,
  createdBy: string,
): Promise<PolicyRow> {
  const { name, effective_from: effectiveFrom } = definition;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`${tenantId}/policy/${name}`}, 0))`);
  const [latest] = await tx
    .select({ version: max(policies.version) })
    .from(policies)
    .where(and(eq(policies.tenantId, tenantId), eq(policies.name, name)));
  const version = (latest?.version ?? 0) + 1;
  const [row] = await tx
    .insert(policies)
    .values({ tenantId, name, version, effectiveFrom, definition, createdBy })
    .returning();
  if (!row) throw new Error(`policy ${name} was not stored`);
  return row;
}
