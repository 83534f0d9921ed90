import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCalculation } from '../db/calculations.ts';
import { inTenant } from '../db/client.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { classRow, storeClass } from '../temporal/test-class.ts';
import { noConnectionIsLeft, rollcall, spawnRollcall } from './test-rollcall.ts';
import { addEvidence, changeRow, storeSettled } from './test-settled.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const env = () => ({ DATABASE_URL: database.serviceUrl });
const calculate = (...args: string[]) => rollcall(['calculate', ...args], env());

test('a class with new evidence gets a new version, and without any keeps the one it has', async () => {
  const ref = await storeSettled(database.db);
  await addEvidence(database.db, ref);
  const first = await spawnRollcall(['calculate', ref.classId, '--json'], env());
  expect([first.status, first.err]).toEqual([0, '']);
  expect(JSON.parse(first.out)).toEqual({
    tenant: 'school',
    ...{ calculated: 1, unchanged: 0, skipped: 0, failed: 0 },
    classes: [
      {
        class_id: ref.classId,
        outcome: 'calculated',
        version_before: 1,
        version_after: 2,
        statuses: { present: 1, unknown: 1 },
      },
    ],
  });
  const stored = await inTenant(database.db, 'school', (tx) => readCalculation(tx, ref));
  expect(stored?.version).toBe(2);
  const again = await calculate(ref.classId);
  expect(again.status).toBe(0);
  expect(again.out).toBe(
    `${ref.classId}  version 2, unchanged  present 1, unknown 1\n1 class of school: 0 calculated, 1 unchanged, 0 skipped, 0 failed.\n`,
  );
});

describe('a class of which there is nothing to calculate is refused with the reason', () => {
  const inHours = (hours: number) => ({ startMs: Date.now() + hours * HOUR_MS });
  test.each([
    ['that has not begun', inHours(1), [], 'it has not begun: it starts on 20'],
    ['that is live, even by force', inHours(-0.1), ['--force'], 'it is still live: time counts until 20'],
    ['that its workflow has not calculated', inHours(-2), [], 'not calculated it yet; --force does so now'],
  ])('%s', async (_what, given, options, reason) => {
    const { classId } = await storeClass(database.db, given);
    const { status, out, err } = await calculate(classId, ...options);
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(/^rollcall: class .+ was not calculated: .+\n$/);
    expect(err).toContain(reason);
  });

  test('that is cancelled, even by force', async () => {
    const ref = await storeClass(database.db, inHours(-2));
    await changeRow(database.db, ref, { status: 'cancelled', cancelledAt: new Date() });
    const { status, err } = await calculate(ref.classId, '--force');
    expect(status).toBe(1);
    expect(err).toContain('it is cancelled');
  });
});

test('--force calculates a class that is over before its workflow does', async () => {
  const { classId } = await storeClass(database.db, { startMs: Date.now() - 2 * HOUR_MS });
  const { status, out } = await calculate(classId, '--force', '--json');
  expect(status).toBe(0);
  expect(JSON.parse(out).classes).toEqual([
    {
      class_id: classId,
      outcome: 'calculated',
      version_before: null,
      version_after: 1,
      statuses: { unknown: 2 },
    },
  ]);
});

test('a class that waited for what is no longer missing is told so by the server', async () => {
  const ref = await storeSettled(database.db);
  await changeRow(database.db, ref, { status: 'reconciling', settledAt: null });
  await calculate(ref.classId);
  expect((await classRow(database.db, ref)).planVersion).toBe(1);
  // Nobody on the roster of whom anything could be unknown, and the room was closed.
  await inTenant(database.db, ref.tenantId, async (tx) => {
    await tx.execute(sql`delete from class_roster where class_id = ${ref.classId}`);
    await tx.execute(sql`insert into events
      (tenant_id, class_id, source, source_event_id, kind, at, room, content_hash)
      select tenant_id, id, 'livekit', 'EV_' || n, case n when 40 then 'room_closed' else 'room_opened' end,
        start_at + n * interval '1 minute', 'RM_1', 'x'
      from classes, generate_series(0, 40, 10) n where id = ${ref.classId}`);
  });
  expect((await calculate(ref.classId)).status).toBe(0);
  expect(await classRow(database.db, ref)).toMatchObject({ missing: [], planVersion: 2 });
});

describe('many classes', () => {
  test('are chosen by type and days; what fails is named and takes nothing from the others', async () => {
    const startMs = Date.now() - 2 * HOUR_MS;
    const changed = await storeSettled(database.db, { sessionType: 'quran', startMs });
    const broken = await storeSettled(database.db, { sessionType: 'quran', startMs: startMs + 1 });
    const same = await storeSettled(database.db, { sessionType: 'quran', startMs: startMs + 2 });
    const over = await storeClass(database.db, { sessionType: 'quran', startMs: startMs + 3 });
    const overToo = await storeClass(database.db, { sessionType: 'quran', startMs: startMs + 4 });
    await storeSettled(database.db, { sessionType: 'quran', startMs: startMs - 3 * DAY_MS });
    await storeClass(database.db, { sessionType: 'quran', startMs: Date.now() + HOUR_MS });
    await storeSettled(database.db, { sessionType: 'interactive', startMs });
    await addEvidence(database.db, changed);
    await changeRow(database.db, broken, { policy: 'lost', policyVersion: null });

    const { status, out, err } = await calculate('--type', 'quran', '--days', '3', '--json');
    expect(status).toBe(1);
    const { classes, ...counts } = JSON.parse(out);
    expect(counts).toEqual({ tenant: 'school', calculated: 1, unchanged: 1, skipped: 2, failed: 1 });
    expect(classes).toMatchObject([
      { class_id: changed.classId, outcome: 'calculated', version_before: 1, version_after: 2 },
      { class_id: broken.classId, outcome: 'failed', reason: 'there is no policy "lost"' },
      { class_id: same.classId, outcome: 'unchanged', version_after: 1 },
      { class_id: over.classId, outcome: 'skipped', reason: expect.stringContaining('--force') },
      { class_id: overToo.classId, outcome: 'skipped' },
    ]);
    expect(err).toContain(`rollcall: 1 of 5 classes failed: ${broken.classId} (there is no policy "lost")\n`);
    expect(err).toContain('Calculating 5 classes of school');
  });

  test('of a type that no class has are none', async () => {
    const { status, out } = await calculate('--type', 'choir');
    expect([status, out]).toEqual([
      0,
      '0 classes of school: 0 calculated, 0 unchanged, 0 skipped, 0 failed.\n',
    ]);
  });
});

describe('of several schools', () => {
  let several: TestDatabase;
  let classId: string;
  beforeAll(async () => {
    several = await createTestDatabase();
    await storeSettled(several.db, { tenantId: 'north' });
    ({ classId } = await storeSettled(several.db, { tenantId: 'south' }));
  });
  afterAll(() => several.drop());

  test('one must be named, by the login of the server', async () => {
    const { status, out, err } = await rollcall(['calculate'], { DATABASE_URL: several.serviceUrl });
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain('say which with --tenant');
    const named = await rollcall(['calculate', '--tenant', 'south', '--json'], {
      DATABASE_URL: several.serviceUrl,
    });
    expect(JSON.parse(named.out)).toMatchObject({ tenant: 'south', unchanged: 1 });
  });

  test('the owner finds the one that has the class, and otherwise names them all', async () => {
    const found = await rollcall(['calculate', classId, '--json'], { DATABASE_URL: several.ownerUrl });
    expect(JSON.parse(found.out)).toMatchObject({ tenant: 'south', unchanged: 1 });
    const { status, err } = await rollcall(['calculate'], { DATABASE_URL: several.ownerUrl });
    expect(status).toBe(2);
    expect(err).toBe('rollcall: there are several schools, say which with --tenant (north, south).\n');
  });

  test.each([
    ['a school that is not there', ['--tenant', 'east'], 'there is no school "east" (north, south).'],
    ['a class that nobody has', [randomUUID()], 'in any school.'],
    ['the class of another', ['--tenant', 'north', '$class'], 'there is no class'],
  ])('%s is an error', async (_what, args, said) => {
    const given = args.map((arg) => arg.replace('$class', classId));
    const { status, err } = await rollcall(['calculate', ...given], { DATABASE_URL: several.ownerUrl });
    expect(status).toBe(1);
    expect(err).toContain(said);
  });
});

describe('used wrongly it ends with status 2', () => {
  test.each([
    ['a class that is no id', ['algebra'], 'expected the id of a class'],
    ['days that are no number', ['--days', 'seven'], 'a whole number of days from 1 to 36500'],
    ['no days', ['--days', '0'], 'a whole number of days from 1 to 36500'],
    ['one class and a type', [randomUUID(), '--type', 'quran'], 'not both'],
  ])('%s', async (_what, args, said) => {
    const { status, out, err } = await calculate(...args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(said);
  });
});

test('none of them has left a connection open, for which its process would not end', () =>
  noConnectionIsLeft(database));
