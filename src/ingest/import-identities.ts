import { sql } from 'drizzle-orm';
import type { ClassRef, Tx } from '../db/client.ts';
import { identities } from '../db/schema.ts';
import { matchInClass } from './identities.ts';

/**
 * Whom an import named by e-mail or by a name of its own. An e-mail of a person of the tenant is proof; everybody else
 * waits in the review queue.
 */
export async function meetByName(
  tx: Tx,
  ref: ClassRef,
  source: string,
  named: { email?: string | undefined; identity?: string | undefined }[],
): Promise<void> {
  const emails = new Map<string, string | null>();
  for (const one of named) if (one.identity !== undefined) emails.set(one.identity, null);
  for (const one of named) if (one.email !== undefined) emails.set(one.email, one.email);
  if (emails.size === 0) return;
  const { tenantId } = ref;
  await tx
    .insert(identities)
    // In one order for everybody, so that two imports never wait for each other in a circle.
    .values(
      [...emails]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([identity, email]) => ({
          tenantId,
          source,
          identity,
          email,
          kind: 'other' as const,
          displayName: identity,
        })),
    )
    .onConflictDoUpdate({
      target: [identities.tenantId, identities.source, identities.identity],
      set: { email: sql`excluded.email` },
      setWhere: sql`${identities.email} is null and excluded.email is not null`,
    });
  await matchInClass(tx, ref, source, [...emails.keys()], 'import');
}
