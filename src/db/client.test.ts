import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DatabaseUnavailable, inTenant, openDatabase } from './client.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { isYoung } from './test-heap.ts';

const NAME = 'rollcall-test-broken';
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.drop();
});

/** Ends the connections of this test, as a PostgreSQL that goes down does. */
async function breakConnections(): Promise<number> {
  const owner = postgres(database.ownerUrl, { max: 1 });
  const ended = await owner`
    select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${NAME}`;
  await owner.end();
  return ended.length;
}

// An exception outside every promise would end the process; vitest counts it as a failure of this file.
test('a connection that breaks in a transaction fails that transaction, and nothing else', async () => {
  const db = openDatabase(database.serviceUrl, NAME, 8);
  const failures: unknown[] = [];
  let going = true;
  let done = 0;
  const transactions = async () => {
    while (going) {
      await inTenant(db, 'school', async (tx) => {
        for (let n = 0; n < 5; n++) await tx.execute(sql`select pg_sleep(0.002)`);
      }).then(
        () => done++,
        (error: unknown) => failures.push(error),
      );
    }
  };
  // More than there are connections, so that some wait for one.
  const all = Array.from({ length: 12 }, transactions);
  for (let round = 0; round < 5; round++) {
    const before = done;
    while (done < before + 50) await sleep(5);
    expect(await breakConnections()).toBeGreaterThan(0);
  }
  const before = done;
  while (done < before + 50) await sleep(5);
  going = false;
  await Promise.all(all);
  await db.close();

  expect(failures.length).toBeGreaterThan(0);
  expect(failures.filter((error) => !(error instanceof DatabaseUnavailable))).toEqual([]);
});

test('work that goes on after its connection broke reaches no other transaction', async () => {
  const db = openDatabase(database.serviceUrl, NAME, 1);
  const late: unknown[] = [];
  const begun = Promise.withResolvers<void>();
  const resumed = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const broken = inTenant(db, 'school', async (tx) => {
    begun.resolve();
    await resumed.promise;
    await tx.execute(sql`select 1`).catch((error: unknown) => late.push(error));
    finished.resolve();
  });
  const refused = expect(broken).rejects.toThrow(DatabaseUnavailable);
  await begun.promise;
  expect(await breakConnections()).toBe(1);
  await refused;

  // The only connection there is now serves somebody else.
  const tenant = await inTenant(db, 'academy', async (tx) => {
    resumed.resolve();
    await finished.promise;
    return await tx.execute<{ tenant: string }>(sql`select current_setting('app.tenant') as tenant`);
  });
  expect(tenant).toMatchObject([{ tenant: 'academy' }]);
  expect(late).toHaveLength(1);
  await db.close();
});

// https://github.com/porsager/postgres: its queue of open connections, from which a statement takes the first, forgot
// nothing until it was empty, and was searched whole for each statement.
test('a pool of which some connections are always free keeps nothing of what it has done', async () => {
  const db = openDatabase(database.serviceUrl, NAME, 3);
  await Promise.all(Array.from({ length: 3 }, () => db.sql`select pg_sleep(0.05)`));
  let longest = 0;
  const push = vi.spyOn(Array.prototype, 'push').mockImplementation(function (this: unknown[], ...items) {
    for (const item of items) this[this.length] = item;
    if (typeof items[0] === 'object' && items[0] !== null && 'idleTimer' in items[0])
      longest = Math.max(longest, this.length);
    return this.length;
  });
  try {
    for (let n = 0; n < 3_000; n++) await db.sql`select 1`;
  } finally {
    push.mockRestore();
    await db.close();
  }
  expect(longest).toBeGreaterThan(0);
  expect(longest).toBeLessThan(1_500);
});

// https://github.com/porsager/postgres: V8 makes a function that is assigned to a property in the old generation, where it
// kept the statement with all that it carried until the next collection of everything.
test('what settles a statement is young when it is new', async () => {
  const db = openDatabase(database.serviceUrl, NAME, 1);
  const statement = db.sql`select 1`;
  const { resolve, reject } = statement as unknown as Record<string, unknown>;
  const areYoung = [resolve, reject].map(isYoung);
  await statement;
  await db.close();
  expect(typeof resolve).toBe('function');
  expect(areYoung).toEqual([true, true]);
});
