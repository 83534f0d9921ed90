/** The review queue: providers' names for people, and what was decided about them. */
import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Tx } from './client.ts';
import type { ClassRow } from './plans.ts';
import { classes, classIdentities, identities, identityDecisions } from './schema.ts';

type IdentityRow = typeof identities.$inferSelect;
export type IdentityState = typeof classIdentities.$inferSelect.state;

interface SeenInClass {
  class_id: string;
  subject: string;
  start_time: string;
  state: IdentityState;
  person_id: string | null;
}

export interface IdentityView {
  id: string;
  source: string;
  identity: string;
  kind: IdentityRow['kind'];
  displayName: string | null;
  email: string | null;
  /** Remembered for the classes to come. */
  personId: string | null;
  firstSeenAt: Date;
  /** The latest classes first, at most {@link CLASSES_SHOWN}. */
  classes: SeenInClass[];
}

const CLASSES_SHOWN = 20;

/** Humans only, by when they were first seen. `state`: who is so in at least one class. */
export async function listIdentities(
  tx: Tx,
  tenantId: string,
  {
    state,
    id,
    after,
    limit,
  }: {
    state?: IdentityState | undefined;
    id?: string | undefined;
    after: { firstSeenMs: number; id: string } | null;
    limit: number;
  },
): Promise<IdentityView[]> {
  const ofState = state === undefined ? sql`true` : sql`ci.state = ${state}`;
  const beyond =
    after === null
      ? sql`true`
      : sql`(i.first_seen_at, i.id) > (${new Date(after.firstSeenMs).toISOString()}::timestamptz, ${after.id}::uuid)`;
  const rows = await tx.execute<Omit<IdentityView, 'firstSeenAt'> & { firstSeenAt: string }>(sql`
    select i.id, i.source, i.identity, i.kind, i.display_name as "displayName", i.email, i.person_id as "personId",
      i.first_seen_at as "firstSeenAt", seen.classes
    from identities i
    cross join lateral (
      select coalesce(jsonb_agg(jsonb_build_object('class_id', s.class_id, 'subject', s.subject,
        'start_time', s.start_at, 'state', s.state, 'person_id', s.person_id) order by s.start_at desc), '[]') as classes
      from (
        select ci.class_id, c.subject, c.start_at, ci.state, ci.person_id
        from class_identities ci join classes c on c.tenant_id = ci.tenant_id and c.id = ci.class_id
        where ci.tenant_id = i.tenant_id and ci.identity_id = i.id and ${ofState}
        order by c.start_at desc, c.id limit ${CLASSES_SHOWN}
      ) s
    ) seen
    where i.tenant_id = ${tenantId} and i.kind <> 'machine' and ${beyond}
      and ${id === undefined ? sql`true` : sql`i.id = ${id}::uuid`}
      and ${state === undefined ? sql`true` : sql`seen.classes <> '[]'`}
    order by i.first_seen_at, i.id limit ${limit}`);
  return rows.map((row) => ({
    ...row,
    firstSeenAt: new Date(row.firstSeenAt),
    classes: row.classes.map(withIsoStart),
  }));
}

const withIsoStart = (seen: SeenInClass): SeenInClass => ({
  ...seen,
  start_time: new Date(seen.start_time).toISOString(),
});

export interface Decision {
  action: 'match' | 'dismiss' | 'unmatch';
  personId: string | null;
  remember: boolean;
  decidedBy: string;
}

/** `touched`: the classes for which something changed, where each stands, and whether it has been calculated. */
export type Decided =
  | { kind: 'decided'; touched: TouchedClass[] }
  | { kind: 'not_found' }
  | { kind: 'machine' };

type TouchedClass = Pick<ClassRow, 'status' | 'endAt' | 'settledAt'> & {
  classId: string;
  calculated: boolean;
};

/**
 * Decides in every class where the identity still waits, or, when it waits nowhere, in every class it was seen in: so
 * what was decided about one class is not overturned by the way. An unmatch takes all of it back.
 *
 * The classes are locked first: whoever calculates one of them either has done so, and is seen here, or will see this.
 */
export async function decideIdentity(
  tx: Tx,
  tenantId: string,
  id: string,
  decision: Decision,
): Promise<Decided> {
  const inClasses = and(eq(classIdentities.tenantId, tenantId), eq(classIdentities.identityId, id));
  const locked = await lockClasses(tx, tenantId, id);
  const ofIdentity = and(eq(identities.tenantId, tenantId), eq(identities.id, id));
  const [identity] = await tx.select().from(identities).where(ofIdentity).for('update');
  if (!identity) return { kind: 'not_found' };
  if (identity.kind === 'machine') return { kind: 'machine' };
  const { action, personId, remember } = decision;
  const state: IdentityState =
    action === 'match' ? 'matched' : action === 'dismiss' ? 'dismissed' : 'unmatched';
  const seen = await tx.select().from(classIdentities).where(inClasses);
  const waiting = seen.filter((one) => one.state === 'unmatched');
  const meant = action !== 'unmatch' && waiting.length > 0 ? waiting : seen;
  const different = new Set(
    meant.filter((one) => one.state !== state || one.personId !== personId).map((one) => one.classId),
  );
  const touched = locked.filter((one) => different.has(one.classId));
  const remembered = action === 'match' ? (remember ? personId : identity.personId) : null;
  if (touched.length === 0 && remembered === identity.personId) return { kind: 'decided', touched };
  const classIds = touched.map((one) => one.classId);
  if (classIds.length > 0) {
    await tx
      .update(classIdentities)
      .set({ state, personId })
      .where(and(inClasses, inArray(classIdentities.classId, classIds)));
  }
  await tx.update(identities).set({ personId: remembered }).where(ofIdentity);
  await tx.insert(identityDecisions).values({ tenantId, identityId: id, ...decision, classIds });
  return { kind: 'decided', touched };
}

/** The classes in which the identity was seen, in one order for everybody who locks several. */
async function lockClasses(tx: Tx, tenantId: string, identityId: string): Promise<TouchedClass[]> {
  const rows = await tx
    .select({
      classId: classes.id,
      status: classes.status,
      endAt: classes.endAt,
      settledAt: classes.settledAt,
      policyVersion: classes.policyVersion,
    })
    .from(classes)
    .where(
      and(
        eq(classes.tenantId, tenantId),
        sql`${classes.id} in (select ${classIdentities.classId} from ${classIdentities}
          where ${classIdentities.tenantId} = ${tenantId} and ${classIdentities.identityId} = ${identityId}::uuid)`,
      ),
    )
    .orderBy(classes.id)
    .for('update');
  // The first calculation fixes the policy version.
  return rows.map(({ policyVersion, ...one }) => ({ ...one, calculated: policyVersion !== null }));
}
