/**
 * Which policy, in which version, judges a class: the one in force at its start, in the tenant's zone (product §5). The
 * day is kept with the class, so that a tenant that changes its zone does not change what its classes are held to.
 */
import { and, eq } from 'drizzle-orm';
import { DateTime } from 'luxon';
import { isPreset, type Policy, PRESETS, policyFromDefinition, resolvePolicy } from '../attendance/policy.ts';
import type { Tx } from './client.ts';
import { type classes, policies } from './schema.ts';

type PolicyOfClass = Pick<
  typeof classes.$inferSelect,
  'tenantId' | 'policy' | 'policyVersion' | 'policyDate'
>;

/** The day that an instant has in a zone, `YYYY-MM-DD`. */
export function policyDateOf(startMs: number, zone: string): string {
  return DateTime.fromMillis(startMs, { zone }).toFormat('yyyy-MM-dd');
}

/** A class names a policy, or a version of one, that its tenant does not have. */
export class PolicyNotFound extends Error {
  readonly code = 'policy_not_found';
}

/** `version` asks for another than the one that the class is held to since its first calculation. */
export async function policyOf(tx: Tx, row: PolicyOfClass, version = row.policyVersion): Promise<Policy> {
  const versions = await tx
    .select({ version: policies.version, definition: policies.definition })
    .from(policies)
    .where(and(eq(policies.tenantId, row.tenantId), eq(policies.name, row.policy)));
  if (version !== null) {
    const asked = versions.find((candidate) => candidate.version === version);
    if (asked) return policyFromDefinition(asked);
    if (version === 0 && isPreset(row.policy)) return PRESETS[row.policy];
    throw new PolicyNotFound(`policy "${row.policy}" has no version ${version}`);
  }
  const policy = resolvePolicy(row.policy, row.policyDate, versions);
  if (policy) return policy;
  throw new PolicyNotFound(
    versions.length === 0
      ? `there is no policy "${row.policy}"`
      : `policy "${row.policy}" does not hold yet on ${row.policyDate}`,
  );
}
