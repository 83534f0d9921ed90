import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ClassRef, inTenant } from '../db/client.ts';
import { events } from '../db/schema.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { storeClass } from '../temporal/test-class.ts';
import { appendEvents, type NewEvent } from './append-events.ts';

const START = Date.parse('2026-01-05T10:00:00.000Z');
let database: TestDatabase;
let ref: ClassRef;
beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  ref = await storeClass(database.db, { startMs: START });
});
afterAll(() => database.drop());

const joined = (id: string, more: Partial<NewEvent> = {}): NewEvent => ({
  classId: ref.classId,
  source: 'door',
  sourceEventId: `${ref.classId}/${id}`,
  kind: 'joined',
  atMs: START,
  connection: 'c1',
  ...more,
});
const append = (...rows: NewEvent[]) =>
  inTenant(database.db, ref.tenantId, (tx) => appendEvents(tx, ref.tenantId, rows));
const ids = (...names: string[]) => names.map((name) => `${ref.classId}/${name}`);

test('a new event is accepted, the same again is a duplicate and changes nothing', async () => {
  expect(await append(joined('a'))).toEqual({ accepted: ids('a'), duplicate: [], conflicting: [] });
  expect(await append(joined('a'))).toEqual({ accepted: [], duplicate: ids('a'), conflicting: [] });
});

test.each([
  ['instant', { atMs: START + 1 }],
  ['kind', { kind: 'left' as const }],
  ['connection', { connection: 'c2' }],
  ['person', { identity: 'users/2' }],
  ['reason', { reason: 'PARTICIPANT_REMOVED' }],
])('the same id with another %s is a conflict, and the first stays', async (_what, other) => {
  await append(joined('a'));
  expect(await append(joined('a', other))).toEqual({ accepted: [], duplicate: [], conflicting: ids('a') });
  const rows = await inTenant(database.db, ref.tenantId, (tx) => tx.select().from(events));
  expect(rows.filter((row) => row.sourceEventId === ids('a')[0]).map((row) => row.at.getTime())).toEqual([
    START,
  ]);
});

test('within one batch the first of two equal ids counts', async () => {
  expect(await append(joined('a'), joined('a'), joined('a', { atMs: START + 5 }), joined('b'))).toEqual({
    accepted: ids('a', 'b'),
    duplicate: ids('a'),
    conflicting: ids('a'),
  });
});

test('twenty who append the same at once store it once', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => append(joined('a'), joined('b'))));
  expect(answers.flatMap((answer) => answer.accepted).toSorted()).toEqual(ids('a', 'b'));
  expect(answers.flatMap((answer) => answer.conflicting)).toEqual([]);
});

test('more rows than fit into one statement are all stored', async () => {
  const rows = Array.from({ length: 2_500 }, (_, n) => joined(`n${n}`));
  expect((await append(...rows)).accepted).toHaveLength(2_500);
});
