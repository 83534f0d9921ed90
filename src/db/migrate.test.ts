import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { expect, inject, onTestFinished, test } from 'vitest';
import { migrate } from './migrate.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

test('the migrations say what the schema says', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'rollcall-drizzle-'));
  onTestFinished(() => rm(copy, { recursive: true, force: true }));
  await cp(join(ROOT, 'drizzle'), copy, { recursive: true });
  const kit = join(dirname(createRequire(import.meta.url).resolve('drizzle-kit')), 'bin.cjs');
  const target = ['--dialect', 'postgresql', '--schema', 'src/db/schema.ts', '--out', relative(ROOT, copy)];
  const { stdout } = await promisify(execFile)(process.execPath, [kit, 'generate', ...target], { cwd: ROOT });
  expect(stdout).toContain('No schema changes');
});

test('what a former version set aside stays whose it was, and is known again when it is replayed', async () => {
  const server = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} });
  const name = `test_${randomBytes(6).toString('hex')}`;
  await server`create database ${server(name)}`;
  const url = Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href;
  const owner = postgres(url, { max: 1, onnotice: () => {} });
  const former = await mkdtemp(join(tmpdir(), 'rollcall-drizzle-'));
  onTestFinished(async () => {
    await rm(former, { recursive: true, force: true });
    await owner.end();
    await server`drop database ${server(name)} with (force)`;
    await server.end();
  });
  await cp(join(ROOT, 'drizzle'), former, { recursive: true });
  const journal = join(former, 'meta/_journal.json');
  const { entries, ...rest } = JSON.parse(await readFile(journal, 'utf8'));
  await writeFile(journal, JSON.stringify({ ...rest, entries: entries.slice(0, 13) }));
  await runMigrations(drizzle(owner), { migrationsFolder: former });

  // As it was: the hash of what came, which is not what is kept where that is no text.
  const aside = (tenantId: string | null, id: string, raw: string, hash: string) => owner`
    insert into set_aside (tenant_id, source, source_event_id, why, raw, raw_hash)
    values (${tenantId}, 'livekit', ${id}, 'no_class', ${raw}, ${hash})`;
  await owner`insert into tenants (tenant_id, name) values ('south', 'South')`;
  await aside('south', 'EV_1', '{}', sha256('{}'));
  await aside(null, 'EV_2', 'AP8=', 'the hash of two bytes');
  await aside(null, 'sha256:of what came', 'AP8=', 'the hash of two bytes');
  await aside(null, 'EV_3', 'AP8=', sha256('AP8='));
  await aside(null, 'EV_3', 'AP8=', 'the hash of two bytes');
  await migrate(url);

  const rows = await owner`select key_tenant, source_event_id, raw_hash from set_aside order by id`;
  expect(rows.map((row) => Object.values(row))).toEqual([
    ['south', 'EV_1', sha256('{}')],
    [null, 'EV_2', sha256('AP8=')],
    [null, `sha256:${sha256('AP8=')}`, sha256('AP8=')],
    [null, 'EV_3', sha256('AP8=')],
    [null, 'EV_3', 'the hash of two bytes'],
  ]);
});
