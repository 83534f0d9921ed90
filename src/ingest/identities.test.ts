import { and, eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ClassRef, inTenant } from '../db/client.ts';
import { classIdentities, identities, identityDecisions, people } from '../db/schema.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { STUDENT, storeClass } from '../temporal/test-class.ts';
import { matchInClass, meetIdentities, rememberLookUps } from './identities.ts';

const START = Date.parse('2026-01-05T10:00:00.000Z');
const DAY = 24 * 3_600_000;
let database: TestDatabase;
let ref: ClassRef;
let user: string;
beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  ref = await storeClass(database.db, { startMs: START });
  user = `users/${ref.classId}`;
});
afterAll(() => database.drop());

const inSchool = <T>(work: Parameters<typeof inTenant<T>>[2]) => inTenant(database.db, ref.tenantId, work);
const met = (kind: 'signed_in' | 'anonymous', { displayName = 'Somebody', nowMs = START } = {}) =>
  inSchool((tx) => meetIdentities(tx, ref, 'meet', [{ identity: user, kind, displayName }], nowMs));
const lookedUp = (email: string | null) =>
  inSchool((tx) => rememberLookUps(tx, ref, 'meet', [{ identity: user, email }], START));
const match = () => inSchool((tx) => matchInClass(tx, ref, 'meet', [user]));
const stateHere = async () => {
  const [row] = await inSchool((tx) =>
    tx
      .select({
        state: classIdentities.state,
        personId: classIdentities.personId,
        decidedBy: identityDecisions.decidedBy,
      })
      .from(identities)
      .innerJoin(classIdentities, eq(classIdentities.identityId, identities.id))
      .leftJoin(identityDecisions, eq(identityDecisions.identityId, identities.id))
      .where(and(eq(identities.identity, user), eq(classIdentities.classId, ref.classId))),
  );
  return row;
};

test('somebody signed in whose e-mail is known is matched, and who decided is kept', async () => {
  expect(await met('signed_in')).toEqual([user]);
  await lookedUp(STUDENT.toUpperCase());
  await match();
  expect(await stateHere()).toMatchObject({ state: 'matched', decidedBy: 'directory' });
});

test.each<[string | null, number, boolean]>([
  [null, DAY, false],
  [null, DAY + 1, true],
  // Known, and nobody of the school: that is an answer.
  ['stranger@elsewhere.example', DAY + 1, false],
])('whom the directory knew as %s is asked about again %i ms later: %s', async (email, laterMs, again) => {
  await met('signed_in');
  await lookedUp(email);
  expect(await met('signed_in', { nowMs: START + laterMs })).toEqual(again ? [user] : []);
});

test('whoever a person has matched is not asked about again', async () => {
  await met('signed_in');
  await lookedUp(null);
  await inSchool(async (tx) => {
    const [student] = await tx.select().from(people).where(eq(people.email, STUDENT));
    await tx.update(identities).set({ personId: student?.id }).where(eq(identities.identity, user));
  });
  expect(await met('signed_in', { nowMs: START + 2 * DAY })).toEqual([]);
});

test('an answer that did not come is asked for again', async () => {
  await met('signed_in');
  expect(await met('signed_in')).toEqual([user]);
});

test('a guest is never looked up, and waits for review even under the name of a student', async () => {
  expect(await met('anonymous', { displayName: STUDENT })).toEqual([]);
  await match();
  expect(await stateHere()).toMatchObject({ state: 'unmatched', personId: null, decidedBy: null });
});

test('somebody from elsewhere waits for review', async () => {
  await met('signed_in');
  await lookedUp('stranger@elsewhere.example');
  await match();
  expect(await stateHere()).toMatchObject({ state: 'unmatched', personId: null });
});

test.each([
  ['directory', 'matched'],
  ['import', 'matched'],
  ['admin@school.example', 'unmatched'],
])('after an unmatch by %s the next meeting leaves it %s', async (decidedBy, state) => {
  await met('signed_in');
  await lookedUp(STUDENT);
  await match();
  await inSchool(async (tx) => {
    const [row] = await tx.select().from(identities).where(eq(identities.identity, user));
    if (!row) throw new Error('nobody was met');
    await tx.update(identities).set({ personId: null }).where(eq(identities.id, row.id));
    await tx.update(classIdentities).set({ state: 'unmatched', personId: null });
    const decision = { tenantId: ref.tenantId, identityId: row.id, action: 'unmatch' as const, classIds: [] };
    await tx.insert(identityDecisions).values({ ...decision, decidedBy });
  });
  await met('signed_in');
  await match();
  expect(await stateHere()).toMatchObject({ state });
});

test('what an admin decided stands when the participant is met again', async () => {
  await met('signed_in');
  await match();
  await inSchool((tx) =>
    tx.update(classIdentities).set({ state: 'dismissed' }).where(eq(classIdentities.classId, ref.classId)),
  );
  await lookedUp(STUDENT);
  await match();
  expect(await stateHere()).toMatchObject({ state: 'dismissed' });
});
