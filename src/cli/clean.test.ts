import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inTenant } from '../db/client.ts';
import { ensureTenant } from '../db/tenants.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { noConnectionIsLeft, rollcall, spawnRollcall } from './test-rollcall.ts';
import { addEvidence, storeSettled } from './test-settled.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  const ref = await storeSettled(database.db, { tenantId: 'north' });
  await addEvidence(database.db, ref);
  await inTenant(database.db, 'south', (tx) => ensureTenant(tx, 'south'));
});
afterAll(() => database.drop());

/** So many answers of this age. */
const answers = (tenantId: string, count: number, age: string) =>
  inTenant(database.db, tenantId, (tx) =>
    tx.execute(sql`insert into idempotency_keys (tenant_id, key, request_hash, created_at)
      select ${tenantId}, ${age} || n, 'x', now() - ${age}::interval from generate_series(1, ${count}::integer) n`),
  );
const left = async (tenantId: string): Promise<number> => {
  const rows = await inTenant(database.db, tenantId, (tx) =>
    tx.execute(sql`select key from idempotency_keys`),
  );
  return rows.length;
};
const clean = (login: 'ownerUrl' | 'serviceUrl', ...args: string[]) =>
  rollcall(['clean', ...args], { DATABASE_URL: database[login] });
const NOTHING_KEPT = {
  ...{ events: 0, sweeps: 0, set_aside: 0, identity_decisions: 0 },
  ...{ policies: 0, calculations: 0, records: 0 },
};

test('it says what would go and what stays, then removes the one in batches and keeps the other', async () => {
  await answers('north', 2_500, '3 days');
  await answers('north', 2, '25 hours');
  await answers('north', 2, '1 hour');
  await answers('south', 1, '3 days');
  const now = new Date().toISOString();
  // What came a moment ago is proof too, and older than now.
  const kept = { ...NOTHING_KEPT, events: 2, calculations: 1, records: 2 };
  const expected = {
    before: now,
    removed: false,
    tenants: [
      { tenant: 'north', removable: { idempotency_keys: 2_502 }, kept },
      { tenant: 'south', removable: { idempotency_keys: 1 }, kept: NOTHING_KEPT },
    ],
  };
  const asked = await clean('ownerUrl', '--before', now, '--json');
  expect([asked.status, asked.err]).toEqual([0, '']);
  expect(JSON.parse(asked.out)).toEqual(expected);
  expect(await left('north')).toBe(2_504);

  const done = await spawnRollcall(['clean', '--before', now, '--force', '--json'], {
    DATABASE_URL: database.ownerUrl,
  });
  expect(done.status).toBe(0);
  expect(JSON.parse(done.out)).toEqual({ ...expected, removed: true });
  // Those of the last day stay, whatever is asked.
  expect([await left('north'), await left('south')]).toEqual([2, 0]);
  const evidence = await inTenant(database.db, 'north', (tx) => tx.execute(sql`select id from events`));
  expect(evidence).toHaveLength(2);
});

test('a day is one in UTC, and what came after it began stays', async () => {
  await inTenant(database.db, 'south', (tx) =>
    tx.execute(sql`insert into idempotency_keys (tenant_id, key, request_hash, created_at) values
      ('south', 'before', 'x', '2026-01-04T23:59:59Z'), ('south', 'after', 'x', '2026-01-05T00:00:00Z')`),
  );
  const { status, out } = await clean('serviceUrl', '--before', '2026-01-05', '--force', '--tenant', 'south');
  expect(status).toBe(0);
  expect(out).toContain('south, before 2026-01-05T00:00:00.000Z:\n  idempotency_keys    1 removed');
  expect(out).toContain('  events              0 kept: proof behind bills\n');
  expect(await left('south')).toBe(1);
});

test('without --force it says that nothing was removed', async () => {
  const { out } = await clean('serviceUrl', '--before', '2026-01-05', '--tenant', 'north');
  expect(out).toContain('would be removed');
  expect(out).toMatch(/Nothing was removed; --force does so\.\n$/);
});

describe('used wrongly it ends with status 2', () => {
  test.each([
    ['no date', [], '--before <date>'],
    ['a date in the future', ['--before', '2999-01-01'], 'expected a date in the past'],
    ['a day that is not in the calendar', ['--before', '2026-02-30'], 'expected a day as YYYY-MM-DD'],
    ['words', ['--before', 'yesterday'], 'expected a day as YYYY-MM-DD'],
    ['an instant of no zone', ['--before', '2026-01-01T00:00:00'], 'or an instant such as'],
    ['one of several schools', ['--before', '2026-01-01'], 'say which with --tenant'],
  ])('%s', async (_what, args, said) => {
    const { status, out, err } = await clean('serviceUrl', ...args, '--json');
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(said);
  });
});

test('none of them has left a connection open, for which its process would not end', () =>
  noConnectionIsLeft(database));
