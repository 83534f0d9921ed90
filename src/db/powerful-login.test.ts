import { pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Database, openDatabase } from './client.ts';
import { warnOfPowerfulLogin } from './powerful-login.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function saidOf(db: Database): Promise<string[]> {
  const lines: string[] = [];
  await warnOfPowerfulLogin(db, pino({}, { write: (line) => lines.push(line) }));
  return lines;
}

test('a superuser as login is told of once, with the cure and without the password', async () => {
  const db = openDatabase(database.ownerUrl, 'rollcall-test', 1);
  onTestFinished(() => db.close());
  const said = await saidOf(db);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/"level":40.*is a superuser.*DATABASE_SERVICE_URL.*rollcall migrate/);
  expect(said[0]).not.toContain(new URL(database.ownerUrl).password);
});

test('the login of server and worker is nothing to tell of', async () => {
  expect(await saidOf(database.db)).toEqual([]);
});

test('a database that does not answer is not waited for with complaints', async () => {
  const db = openDatabase('postgresql://nobody:x@127.0.0.1:1/nowhere', 'rollcall-test', 1);
  onTestFinished(() => db.close());
  expect(await saidOf(db)).toEqual([]);
});
