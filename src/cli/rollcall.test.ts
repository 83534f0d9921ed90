/**
 * The command line: what it prints, and its exit status (0 done, 1 failed, 2 used wrongly). Each command runs once as a
 * shell runs it, here or in its own tests; what else is said of it does not need a process of its own.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { temporaryDirectory } from '../local/local-test.ts';
import { localSecrets } from '../local/secrets.ts';
import { noConnectionIsLeft, rollcall, spawnRollcall } from './test-rollcall.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

describe('used wrongly it ends with status 2 and names what was wrong', () => {
  test.each([
    ['no command', [], 'Usage: rollcall'],
    ['an unknown command', ['rollup'], "unknown command 'rollup'"],
    ['a missing option', ['token', '--role', 'admin'], '--tenant <tenant>'],
    ['a tenant that is no name', ['token', '--tenant', 'A B', '--role', 'admin'], '1 to 63 of a-z'],
    ['a school that is no name', ['tenant', 'add', 'A B'], '1 to 63 of a-z'],
    ['an unknown role', ['token', '--tenant', 'school', '--role', 'king'], 'admin, operator, teacher'],
    [
      'a person who is no id',
      ['token', '--tenant', 'school', '--role', 'admin', '--sub', 'a b'],
      'a person id or an e-mail',
    ],
    ['nobody to act as', ['meet-check'], '--as <email>'],
  ])('%s', async (_what, args, said) => {
    const { status, out, err } = await rollcall(args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(said);
  });

  test('an unknown option', async () => {
    const { status, out, err } = await spawnRollcall(['start', '--loud']);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain("unknown option '--loud'");
  });
});

const UNREACHABLE = 'postgresql://owner:a-secret@127.0.0.1:1/rollcall';

describe('what fails ends with status 1 and says why, without secrets', () => {
  test.each([
    ['migrate', {}, 'DATABASE_URL is not set'],
    ['migrate', { DATABASE_URL: 'a-secret@nowhere' }, 'DATABASE_URL is no URL of PostgreSQL'],
    [
      'migrate',
      { DATABASE_URL: UNREACHABLE },
      'the database cannot be reached: connect ECONNREFUSED 127.0.0.1:1',
    ],
    [
      'migrate',
      { DATABASE_URL: UNREACHABLE.replace('127.0.0.1', 'nowhere.invalid') },
      'the database cannot be reached: getaddrinfo',
    ],
    ['tenant add school', {}, 'there is no database: set DATABASE_URL, or start local mode'],
    ['tenant add school', { DATABASE_URL: UNREACHABLE }, 'the database cannot be reached'],
    ['meet-check --as a@school.example', {}, 'GOOGLE_SERVICE_ACCOUNT_KEY is not set'],
  ])('%s', async (command, env, said) => {
    const { status, out, err } = await rollcall(command.split(' '), env);
    expect([status, out]).toEqual([1, '']);
    expect(err).toMatch(/^rollcall: .+\n$/);
    expect(err).toContain(said);
    expect(err).not.toContain('a-secret');
  });

  test('migrate by a login that is not the owner', async () => {
    const { status, err } = await spawnRollcall(['migrate'], { DATABASE_URL: database.serviceUrl });
    expect(status).toBe(1);
    expect(err).toMatch(/^rollcall: the migration failed: permission denied .+\n$/);
  });

  test('meet-check with a step that fails, which it prints with its cure', async () => {
    const args = ['meet-check', '--as', 'a@school.example', '--json'];
    const { status, out } = await spawnRollcall(args, { GOOGLE_SERVICE_ACCOUNT_KEY: '/nowhere/key.json' });
    expect(status).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      step: 'key',
      ok: false,
      cure: expect.stringContaining('JSON key'),
    });
  });

  test('tenant add beside a local mode that was killed', async () => {
    const dataDir = temporaryDirectory();
    const process = { pid: 1, startedAt: 'long ago' };
    writeFileSync(join(dataDir, 'addresses.json'), JSON.stringify({ databaseUrl: UNREACHABLE, process }));
    const { status, err } = await rollcall(['tenant', 'add', 'school'], { ROLLCALL_DATA_DIR: dataDir });
    expect(status).toBe(1);
    expect(err).toContain('there is no database');
  });
});

describe('what is done ends with status 0', () => {
  test('--help', async () => {
    const { status, out } = await spawnRollcall(['--help']);
    expect(status).toBe(0);
    expect(out).toContain('meet-check');
  });

  test('token prints one that the generated secret signed', async () => {
    const dataDir = temporaryDirectory();
    const args = [
      'token',
      '--tenant',
      'school',
      '--role',
      'teacher',
      '--sub',
      'Mona@school.example',
      '--json',
    ];
    const { status, out } = await spawnRollcall(args, { ROLLCALL_DATA_DIR: dataDir });
    expect(status).toBe(0);
    const secret = new TextEncoder().encode(localSecrets({ dataDir, report: () => {} }).AUTH_JWT_SECRET);
    const { payload } = await jwtVerify(JSON.parse(out).token, secret);
    expect(payload).toMatchObject({ tenant: 'school', role: 'teacher', sub: 'Mona@school.example' });
  });

  test('migrate, also when there is nothing to do', async () => {
    const env = { DATABASE_URL: database.ownerUrl, DATABASE_SERVICE_URL: database.serviceUrl };
    const { status, out, err } = await rollcall(['migrate', '--json'], env);
    expect([status, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toEqual({ migrated: true, service_login: 'rollcall_service' });
  });

  test('tenant add, which says whether the school was there', async () => {
    const args = ['tenant', 'add', 'a-school', '--json'];
    const env = { DATABASE_URL: database.serviceUrl };
    const first = await spawnRollcall(args, env);
    expect([first.status, JSON.parse(first.out)]).toEqual([0, { tenant: 'a-school', added: true }]);
    const second = await rollcall(args, env);
    expect([second.status, JSON.parse(second.out)]).toEqual([0, { tenant: 'a-school', added: false }]);
  });
});

test('none of them has left a connection open, for which its process would not end', () =>
  noConnectionIsLeft(database));
