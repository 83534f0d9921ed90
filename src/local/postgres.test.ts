import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePort } from './free-port.ts';
import {
  eventually,
  kill,
  processesOf,
  recordProgress,
  runModule,
  temporaryDirectory,
} from './local-test.ts';
import { type PostgresOptions, startPostgres } from './postgres.ts';
import { identify } from './process-identity.ts';

async function start(options: Partial<PostgresOptions> & { readonly dataDir: string }) {
  const running = await startPostgres({ report: () => {}, ...options });
  onTestFinished(() => running.stop());
  return running;
}

// Made once; a copy of it is as good as one's own and ten times as fast.
const template = mkdtempSync(join(tmpdir(), 'rollcall-local-'));
beforeAll(async () => {
  const running = await startPostgres({ dataDir: template, report: () => {} });
  await running.stop();
});
afterAll(() => rmSync(template, { recursive: true }));

function initialisedDirectory(): string {
  const dataDir = temporaryDirectory();
  // Keeps the owner, which may be the account of PostgreSQL.
  execFileSync('cp', ['-a', join(template, 'postgres'), dataDir]);
  return dataDir;
}

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}

test('the password of server and worker is kept for its owner only, and made anew where it is missing', async () => {
  const dataDir = initialisedDirectory();
  const first = await start({ dataDir });
  await first.stop();
  const file = join(dataDir, 'postgres', 'cluster', 'service-password');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = await start({ dataDir });
  const passwordOf = ({ serviceUrl }: { serviceUrl: string }) => new URL(serviceUrl).password;
  expect(passwordOf(again)).toBe(passwordOf(first));
  await again.stop();
  rmSync(file);
  expect(passwordOf(await start({ dataDir }))).not.toBe(passwordOf(first));
});

test('what was written is there after a stop and a start, and the set-up is not repeated', async () => {
  const dataDir = initialisedDirectory();
  const first = await start({ dataDir });
  await query(first.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();
  const { seen, report } = recordProgress();
  const second = await start({ dataDir, report });
  expect(await query(second.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  expect(seen).toEqual([]);
});

test('what was acknowledged survives a SIGKILL of the server, and the next start recovers', async () => {
  const dataDir = initialisedDirectory();
  const first = await start({ dataDir });
  await query(first.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  process.kill(first.pid, 'SIGKILL');
  await first.stop();
  const second = await start({ dataDir });
  expect(await query(second.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('a stale postmaster.pid whose id another process has now does not prevent the start', async () => {
  const dataDir = initialisedDirectory();
  const first = await start({ dataDir });
  await first.stop();
  const cluster = join(dataDir, 'postgres', 'cluster', 'data');
  // PostgreSQL believes in any process of its own account that is not its parent.
  const { uid, gid } = statSync(cluster);
  const other = spawn('sleep', ['1000'], { uid, gid });
  onTestFinished(() => void other.kill());
  writeFileSync(join(cluster, 'postmaster.pid'), `${other.pid}\n${cluster}\n1\n${first.port}\n\n127.0.0.1\n`);
  await expect(start({ dataDir })).resolves.toBeDefined();
});

test('durable, on the loopback only, with room for every pool', async () => {
  const running = await start({ dataDir: initialisedDirectory() });
  const settings = await query(
    running.ownerUrl,
    `SELECT name, setting FROM pg_settings
     WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums', 'listen_addresses', 'max_connections', 'server_encoding', 'TimeZone')`,
  );
  expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    data_checksums: 'on',
    listen_addresses: '127.0.0.1',
    max_connections: '200',
    server_encoding: 'UTF8',
    TimeZone: 'UTC',
  });
});

test('nobody gets in without the password, which only the owner of the files can read', async () => {
  const dataDir = initialisedDirectory();
  const running = await start({ dataDir });
  const withoutPassword = Object.assign(new URL(running.ownerUrl), { password: 'guessed' }).href;
  await expect(query(withoutPassword, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  expect(statSync(join(dataDir, 'postgres', 'cluster', 'password')).mode & 0o777).toBe(0o600);
});

test('a second start on the same directory is refused at once, and says what to do', async () => {
  const dataDir = initialisedDirectory();
  const first = await start({ dataDir });
  const second = start({ dataDir });
  await expect(second).rejects.toThrow(`uses the PostgreSQL files in ${dataDir}`);
  await expect(second).rejects.toThrow('ROLLCALL_DATA_DIR');
  expect(await query(first.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a taken port is named, and the directory can be used afterwards', async () => {
  const dataDir = initialisedDirectory();
  const port = await freePort();
  const holder = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(holder, 'listening');
  await expect(start({ dataDir, port })).rejects.toThrow(`Port ${port} for PostgreSQL is taken`);
  holder.close();
  await once(holder, 'close');
  expect(await start({ dataDir, port })).toMatchObject({ port });
});

test('a directory that initdb left half-written is thrown away and made again', async () => {
  const dataDir = temporaryDirectory();
  const unfinished = join(dataDir, 'postgres', 'cluster.unfinished');
  mkdirSync(join(unfinished, 'data'), { recursive: true });
  chmodSync(join(dataDir, 'postgres'), 0o711);
  writeFileSync(join(unfinished, 'data', 'PG_VERSION'), '18\n');
  const running = await start({ dataDir });
  expect(await query(running.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(existsSync(unfinished)).toBe(false);
});

test.each(['SIGINT', 'SIGKILL'] as const)(
  '%s in the middle of initdb leaves neither a process nor half a directory',
  async (signal) => {
    const dataDir = temporaryDirectory();
    const { child, said } = runModule(`
    const { startPostgres } = await import(local + 'postgres.ts');
    await startPostgres({ dataDir: ${JSON.stringify(dataDir)}, report });`);
    expect(await said()).toMatchObject({ kind: 'begin' });
    const data = join(dataDir, 'postgres', 'cluster.unfinished', 'data');
    await eventually('initdb writes', () => existsSync(join(data, 'PG_VERSION')));
    const initdb = processesOf(data);
    expect(initdb).not.toEqual([]);
    await kill(child, signal);
    await eventually('initdb is gone', () => processesOf(data).length === 0);
    await eventually('its files are gone', () => readdirSync(join(dataDir, 'postgres')).length === 0);
  },
);

test.runIf(process.getuid?.() === 0)(
  'as root, files below a closed directory go where the account can reach them',
  async () => {
    const closed = temporaryDirectory();
    chmodSync(closed, 0o700);
    const dataDir = join(closed, 'data');
    const { seen, report } = recordProgress();
    const first = await start({ dataDir, report });
    const [notice] = seen.filter(({ kind }) => kind === 'notice');
    const elsewhere =
      /its files are in (\S+)\.$/.exec(notice?.kind === 'notice' ? notice.text : '')?.[1] ?? '';
    onTestFinished(() => rmSync(elsewhere, { recursive: true }));
    await query(first.ownerUrl, 'CREATE TABLE kept ()');
    await first.stop();
    const second = await start({ dataDir });
    expect(await query(second.ownerUrl, 'SELECT * FROM kept')).toEqual([]);
  },
);

test('nothing runs after the stop', async () => {
  const running = await start({ dataDir: initialisedDirectory() });
  await running.stop();
  expect(identify(running.pid)).toBeUndefined();
});
