import { and, eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { appendEvents } from '../ingest/append-events.ts';
import { classRow, STUDENT, storeClass, TEACHER } from '../temporal/test-class.ts';
import { calculateClass, readCalculation } from './calculations.ts';
import { type ClassRef, inTenant, type Tx } from './client.ts';
import { ensurePeople } from './people.ts';
import { addPolicy } from './policies.ts';
import { classes } from './schema.ts';
import { declareComplete, registerSource } from './sources.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

const START = Date.parse('2026-01-05T10:00:00.000Z');
const MINUTE = 60_000;
const END = START + 40 * MINUTE;

let database: TestDatabase;
let ref: ClassRef;
const inSchool = <T>(work: (tx: Tx) => Promise<T>) => inTenant(database.db, 'school', work);
const calculate = (options = {}) => inSchool((tx) => calculateClass(tx, ref, options));

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  ref = await storeClass(database.db, { startMs: START, endMs: END, policy: 'strict' });
  await inSchool((tx) => registerSource(tx, 'school', { name: 'door', kind: 'in_call' }));
});

/** The door saw somebody from one minute of the lesson to another. */
async function saw(email: string, from: number, to: number): Promise<void> {
  await inSchool(async (tx) => {
    const personId = (await ensurePeople(tx, 'school', [email])).get(email)?.id;
    if (personId === undefined) throw new Error(`${email} is nobody`);
    const connection = `${ref.classId}/${email}/${from}`;
    const common = { classId: ref.classId, source: 'door', connection, personId };
    await appendEvents(tx, 'school', [
      { ...common, sourceEventId: `${connection}/in`, kind: 'joined', atMs: START + from * MINUTE },
      { ...common, sourceEventId: `${connection}/out`, kind: 'left', atMs: START + to * MINUTE },
    ]);
  });
}
const complete = () => inSchool((tx) => declareComplete(tx, ref, 'door'));
const policyFrom = (date: string, lateAfter: number) =>
  inSchool((tx) =>
    addPolicy(
      tx,
      'school',
      { name: 'strict', preset: 'itqan', effective_from: date, late_after_minutes: lateAfter },
      'admin',
    ),
  );
const studentOf = ({ people }: { people: { role: string; status: string; isLate: boolean }[] }) =>
  people.find(({ role }) => role === 'student');

beforeAll(async () => {
  await storeClass(database.db, { startMs: START });
  await policyFrom('2025-01-01', 10);
});

test('equal facts answer the version that is there, other facts append one and leave the old', async () => {
  await saw(TEACHER, 0, 40);
  const first = await calculate();
  expect(await calculate()).toEqual(first);
  expect(first.version).toBe(1);
  await saw(STUDENT, 0, 40);
  const second = await calculate();
  expect([second.version, second.inputsHash === first.inputsHash]).toEqual([2, false]);
  expect(await inSchool((tx) => readCalculation(tx, ref, 1))).toEqual(first);
  expect(await inSchool((tx) => readCalculation(tx, ref))).toEqual(second);
});

test('twenty who calculate at once make one version', async () => {
  await saw(STUDENT, 0, 40);
  const versions = await Promise.all(Array.from({ length: 20 }, () => calculate()));
  expect(new Set(versions.map(({ version }) => version))).toEqual(new Set([1]));
});

test('the version of the policy in force at the start is kept, unless another is asked for', async () => {
  await saw(STUDENT, 7, 40);
  await complete();
  const before = await calculate();
  expect([before.policy.version, studentOf(before)?.isLate]).toEqual([1, false]);
  const { version: stricter } = await policyFrom('2026-01-01', 5);
  expect((await calculate()).policy.version).toBe(1);
  const asked = await calculate({ policyVersion: stricter });
  expect([asked.policy.version, studentOf(asked)?.isLate]).toEqual([stricter, true]);
  expect((await calculate()).policy.version).toBe(stricter);
});

test('nobody is absent while the evidence is incomplete, and the class says what is missing', async () => {
  await saw(TEACHER, 0, 40);
  const calculation = await calculate();
  expect(studentOf(calculation)?.status).toBe('unknown');
  expect((await classRow(database.db, ref)).missing.map(({ code }) => code)).toContain('people_unknown');
  await complete();
  expect(studentOf(await calculate())?.status).toBe('absent');
  expect(await classRow(database.db, ref)).toMatchObject({ isComplete: true, missing: [] });
});

test('a settled class follows its evidence and stays settled', async () => {
  await saw(TEACHER, 0, 40);
  const settledAt = new Date(END);
  await inSchool((tx) =>
    tx
      .update(classes)
      .set({ status: 'incomplete', settledAt })
      .where(and(eq(classes.tenantId, 'school'), eq(classes.id, ref.classId))),
  );
  await calculate();
  expect((await classRow(database.db, ref)).status).toBe('incomplete');
  await complete();
  await calculate();
  expect(await classRow(database.db, ref)).toMatchObject({ status: 'completed', settledAt });
});
