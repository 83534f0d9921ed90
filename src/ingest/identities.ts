/** A provider's names for people: met, looked up, and matched where it is certain who they are. */
import { and, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm';
import type { ClassRef, Tx } from '../db/client.ts';
import { classIdentities, identities, identityDecisions, people } from '../db/schema.ts';

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

/** Who gave the e-mail that is taken as proof; it stands as who decided. */
export type Proof = 'directory' | 'import' | 'token';
const PROOFS: readonly Proof[] = ['directory', 'import', 'token'];

/** Where a person has decided last, the e-mail proves nothing any more: whoever unmatched it knew the e-mail. */
const decidedByNobody = sql`not exists (
  select 1 from (
    select d.decided_by from identity_decisions d
    where d.tenant_id = ${identities.tenantId} and d.identity_id = ${identities.id} order by d.id desc limit 1
  ) last where last.decided_by not in ${PROOFS})`;

/**
 * Ties what was met in a class to people: an e-mail from the directory that is a person's own is proof, a display name
 * never is. Whoever is left waits in the review queue.
 */
export async function matchInClass(
  tx: Tx,
  ref: ClassRef,
  source: string,
  met: string[],
  proof: Proof = 'directory',
): Promise<void> {
  const { tenantId, classId } = ref;
  await matchInClasses(
    tx,
    tenantId,
    source,
    met.map((identity) => ({ classId, identity })),
    proof,
  );
}

/** As {@link matchInClass}, for several classes at once; each pair is one identity met in one class. */
export async function matchInClasses(
  tx: Tx,
  tenantId: string,
  source: string,
  met: { classId: string; identity: string }[],
  proof: Proof,
): Promise<void> {
  if (met.length === 0) return;
  const classesOf = new Map<string, string[]>();
  for (const { classId, identity } of met) {
    classesOf.set(identity, [...(classesOf.get(identity) ?? []), classId]);
  }
  const ofThese = and(
    eq(identities.tenantId, tenantId),
    eq(identities.source, source),
    inArray(identities.identity, [...classesOf.keys()]),
  );
  const proven = await tx
    .update(identities)
    .set({ personId: people.id })
    .from(people)
    .where(
      and(
        ofThese,
        isNull(identities.personId),
        decidedByNobody,
        eq(people.tenantId, tenantId),
        eq(people.email, identities.email),
      ),
    )
    .returning({ identityId: identities.id, identity: identities.identity, personId: people.id });
  if (proven.length > 0) {
    await tx.insert(identityDecisions).values(
      proven.map(({ identityId, identity, personId }) => ({
        tenantId,
        identityId,
        personId,
        action: 'match' as const,
        remember: true,
        classIds: classesOf.get(identity) ?? [],
        decidedBy: proof,
      })),
    );
  }
  const rows = await tx
    .select({ id: identities.id, identity: identities.identity, personId: identities.personId })
    .from(identities)
    .where(ofThese);
  const values = rows.flatMap(({ id, identity, personId }) =>
    (classesOf.get(identity) ?? []).map((classId) => ({
      tenantId,
      classId,
      identityId: id,
      personId,
      state: personId === null ? ('unmatched' as const) : ('matched' as const),
    })),
  );
  await tx
    .insert(classIdentities)
    // In one order for everybody who stores several.
    .values(values.sort((a, b) => (a.classId + a.identityId < b.classId + b.identityId ? -1 : 1)))
    .onConflictDoUpdate({
      target: [classIdentities.tenantId, classIdentities.classId, classIdentities.identityId],
      set: { state: sql`excluded.state`, personId: sql`excluded.person_id` },
      // What a human decided about this class stands.
      setWhere: sql`${classIdentities.state} = 'unmatched' and excluded.person_id is not null`,
    });
}
