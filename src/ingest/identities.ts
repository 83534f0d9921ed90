/** A provider's names for people: met, looked up, and matched where it is certain who they are. */
import { and, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { ClassRef, Tx } from '../db/client.ts';
import { identities } from '../db/schema.ts';

export interface MetIdentity {
  identity: string;
  kind: 'signed_in' | 'anonymous' | 'phone' | 'other' | 'machine';
  displayName: string;
}

/** Whom the directory did not know it may know by now: an account that was made, a setting that was changed. */
const ASK_AGAIN_AFTER_MS = 24 * 3_600_000;

/** Stores who was met and answers those signed in whom the directory is to be asked about, for the first time or again. */
export async function meetIdentities(
  tx: Tx,
  { tenantId }: ClassRef,
  source: string,
  met: MetIdentity[],
  nowMs: number,
): Promise<string[]> {
  if (met.length === 0) return [];
  await tx
    .insert(identities)
    .values(met.map((one) => ({ tenantId, source, ...one })))
    .onConflictDoNothing();
  const rows = await tx
    .select({ identity: identities.identity })
    .from(identities)
    .where(
      and(
        eq(identities.tenantId, tenantId),
        eq(identities.source, source),
        eq(identities.kind, 'signed_in'),
        isNull(identities.personId),
        isNull(identities.email),
        or(isNull(identities.lookedUpAt), lt(identities.lookedUpAt, new Date(nowMs - ASK_AGAIN_AFTER_MS))),
        inArray(
          identities.identity,
          met.map((one) => one.identity),
        ),
      ),
    );
  return rows.map((row) => row.identity);
}

/** What the directory said; `email` null: it does not know this user. */
interface LookedUp {
  identity: string;
  email: string | null;
}

export async function rememberLookUps(
  tx: Tx,
  { tenantId }: ClassRef,
  source: string,
  found: LookedUp[],
  nowMs: number,
): Promise<void> {
  if (found.length === 0) return;
  const values = sql.join(
    found.map(({ identity, email }) => sql`(${identity}, ${email?.toLowerCase() ?? null}::text)`),
    sql`, `,
  );
  await tx.execute(sql`
    update identities set email = found.email, looked_up_at = ${new Date(nowMs).toISOString()}::timestamptz
    from (values ${values}) as found (identity, email)
    where identities.tenant_id = ${tenantId} and identities.source = ${source}
      and identities.identity = found.identity`);
}

/** Who gave the e-mail that is taken as proof; it stands as who decided, and `rollcall_match_in_classes` knows all of them. */
export type Proof = 'directory' | 'import' | 'token';

/**
 * Ties what was met in a class to people: an e-mail from the directory that is a person's own is proof, a display name
 * never is. Whoever is left waits in the review queue.
 */
export async function matchInClass(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  source: string,
  met: string[],
  proof: Proof = 'directory',
): Promise<void> {
  if (met.length === 0) return;
  const all = met.map((identity) => ({ class_id: classId, identity }));
  await tx.execute(
    sql`select rollcall_match_in_classes(${tenantId}, ${source}, ${proof}, ${JSON.stringify(all)}::jsonb)`,
  );
}
