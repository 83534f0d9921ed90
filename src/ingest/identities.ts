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
  const pairs = met.map(({ classId, identity }) => ({ class_id: classId, identity }));
  const ofThese = and(
    eq(identities.tenantId, tenantId),
    eq(identities.source, source),
    inArray(identities.identity, [...new Set(met.map(({ identity }) => identity))]),
  );
  // In one statement: whoever comes by the thousand waits for each.
  await tx.execute(sql`
    with met as (
      select distinct class_id, identity
      from jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as m (class_id uuid, identity text)
    ), proven as (
      update identities set person_id = people.id from people
      where ${ofThese} and identities.person_id is null and ${decidedByNobody}
        and people.tenant_id = ${tenantId} and people.email = identities.email
      returning identities.id, identities.identity, people.id as person_id
    ), decided as (
      insert into identity_decisions (tenant_id, identity_id, person_id, action, remember, class_ids, decided_by)
      select ${tenantId}, id, person_id, 'match', true,
        (select jsonb_agg(met.class_id) from met where met.identity = proven.identity), ${proof}
      from proven
    ), known as (
      select identities.id, identities.identity, coalesce(proven.person_id, identities.person_id) as person_id
      from identities left join proven on proven.id = identities.id
      where ${ofThese}
    )
    insert into class_identities (tenant_id, class_id, identity_id, state, person_id)
    select ${tenantId}, met.class_id, known.id, case when known.person_id is null then 'unmatched' else 'matched' end,
      known.person_id
    from met join known on known.identity = met.identity
    -- In one order for everybody who stores several.
    order by met.class_id, known.id
    on conflict (tenant_id, class_id, identity_id) do update set state = excluded.state, person_id = excluded.person_id
    -- What a human decided about this class stands.
    where class_identities.state = 'unmatched' and excluded.person_id is not null`);
}
