import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from './free-port.ts';
import { type LocalServicesOptions, startLocalServices } from './local-mode.ts';
import {
  eventually,
  kill,
  processesOf,
  recordProgress,
  runModule,
  temporaryDirectory,
} from './local-test.ts';
import { identify } from './process-identity.ts';

// Set for the whole run of tests, perhaps; here each test says what the environment names.
const { DATABASE_URL: _, TEMPORAL_ADDRESS: __, ...env } = process.env;
const temporal = { searchAttributes: {}, headless: true };

async function start(options: Partial<LocalServicesOptions> & { readonly dataDir: string }) {
  const services = await startLocalServices({ env, temporal, report: () => {}, ...options });
  onTestFinished(() => services.stop());
  return services;
}

async function answers({ postgres: database, temporal: engine }: Awaited<ReturnType<typeof start>>) {
  const sql = postgres(database?.url ?? '', { max: 1 });
  const connection = await Connection.connect({ address: engine?.address ?? '' });
  try {
    await sql`SELECT 1`;
    await connection.workflowService.describeNamespace({ namespace: 'default' });
  } finally {
    await connection.close();
    await sql.end();
  }
}

test('two run side by side, and the stop of one leaves the other alone', async () => {
  const [one, other] = await Promise.all([1, 2].map(() => start({ dataDir: temporaryDirectory() })));
  if (one === undefined || other === undefined) throw new Error('two were started');
  await Promise.all([answers(one), answers(other)]);
  await one.stop();
  await answers(other);
});

test('what the environment names is used as it is, and nothing is started', async () => {
  const dataDir = temporaryDirectory();
  const DATABASE_URL = 'postgresql://elsewhere/rollcall';
  const services = await start({
    dataDir,
    env: { ...env, DATABASE_URL, TEMPORAL_ADDRESS: 'elsewhere:7233' },
  });
  expect(services.postgres).toMatchObject({ kind: 'external', url: DATABASE_URL, serviceUrl: undefined });
  expect(services.temporal).toMatchObject({ kind: 'external', address: 'elsewhere:7233' });
  expect(readdirSync(dataDir)).toEqual([]);
});

test('a login for server and worker is taken from the environment together with the database only', async () => {
  const dataDir = temporaryDirectory();
  const DATABASE_SERVICE_URL = 'postgresql://service:x@elsewhere/rollcall';
  const given = { ...env, TEMPORAL_ADDRESS: 'elsewhere:7233', DATABASE_SERVICE_URL };
  const elsewhere = await start({
    dataDir,
    env: { ...given, DATABASE_URL: 'postgresql://elsewhere/rollcall' },
  });
  expect(elsewhere.postgres?.serviceUrl).toBe(DATABASE_SERVICE_URL);
  const here = await start({ dataDir, env: given });
  expect(new URL(here.postgres?.serviceUrl ?? '')).toMatchObject({
    hostname: '127.0.0.1',
    username: 'rollcall_service',
  });
});

test('when one does not come up, its reason is thrown and the other is stopped', async () => {
  const dataDir = temporaryDirectory();
  const port = await freePort();
  const holder = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1');
  await once(holder, 'listening');
  onTestFinished(() => void holder.close());
  const reason = await start({ dataDir, ports: { postgres: port } }).catch((error: unknown) => error);
  // Not `rejects.toThrow`, which is content with no reason at all.
  expect(reason).toMatchObject({ message: expect.stringContaining(`Port ${port} for PostgreSQL is taken`) });
  expect(processesOf(dataDir)).toEqual([]);
});

test('a start that is called off in its middle says so, stops what it began, and can be repeated', async () => {
  const dataDir = temporaryDirectory();
  const calledOff = new AbortController();
  const report = () => calledOff.abort(new Error('Stopped by SIGINT.'));
  await expect(start({ dataDir, report, signal: calledOff.signal })).rejects.toThrow('Stopped by SIGINT.');
  expect(readdirSync(join(dataDir, 'postgres'))).toEqual([]);
  const { seen, report: record } = recordProgress();
  await start({ dataDir, temporal: false, report: record });
  expect(seen.map(({ kind }) => kind)).toEqual(['begin', 'end']);
});

test('when the parent gets SIGKILL, PostgreSQL and Temporal end too, and the next start finds all whole', async () => {
  const dataDir = temporaryDirectory();
  const { child, said } = runModule(`
    const { startLocalServices } = await import(local + 'local-mode.ts');
    await startLocalServices({ dataDir: ${JSON.stringify(dataDir)}, env: ${JSON.stringify(env)}, temporal: { searchAttributes: {}, headless: true }, report: () => {} });
    say('started');
    setInterval(() => {}, 1_000);`);
  expect(await said()).toBe('started');
  const pids = processesOf(dataDir);
  expect(pids.length).toBeGreaterThan(3);
  await kill(child, 'SIGKILL');
  // At once, while the guard is still ending them: the start waits for that.
  await answers(await start({ dataDir }));
  await eventually('all of the first are gone', () => pids.every((pid) => identify(pid) === undefined));
});
