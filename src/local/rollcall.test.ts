import { RoomServiceClient } from 'livekit-server-sdk';
import postgres from 'postgres';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createTestDatabase } from '../db/test-database.ts';
import { createTestNamespace } from '../temporal/test-namespace.ts';
import { readAddresses } from './addresses.ts';
import { eventually, processesOf, temporaryDirectory } from './local-test.ts';
import { type LocalRollcallOptions, startLocalRollcall } from './rollcall.ts';

async function start(dataDir: string, options: Partial<LocalRollcallOptions> = {}) {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const TEMPORAL_ADDRESS = inject('temporalAddress');
  const running = await startLocalRollcall({
    dataDir,
    report: () => {},
    env: {
      DATABASE_URL: database.ownerUrl,
      DATABASE_SERVICE_URL: database.serviceUrl,
      TEMPORAL_ADDRESS,
      TEMPORAL_NAMESPACE: await createTestNamespace(TEMPORAL_ADDRESS),
      GOOGLE_SERVICE_ACCOUNT_KEY: '',
      LIVEKIT_URL: '',
      LOG_LEVEL: 'warn',
    },
    ...options,
  });
  onTestFinished(() => running.stop());
  const owner = postgres(database.ownerUrl, { max: 1 });
  onTestFinished(() => owner.end());
  return { running, owner, database };
}

test('server and worker log in as the service, and so does whoever reads the addresses', async () => {
  const dataDir = temporaryDirectory();
  const { running, owner, database } = await start(dataDir);
  const logins = async () => {
    const rows =
      await owner`select distinct application_name as process, usename as login from pg_stat_activity
      where datname = current_database() and application_name in ('rollcall-server', 'rollcall-worker')`;
    return rows.map(({ process, login }) => `${process} as ${login}`).sort();
  };
  // The worker is ready before it needs the database.
  await eventually('both are connected', async () => (await logins()).length === 2);
  expect(await logins()).toEqual([
    'rollcall-server as rollcall_service',
    'rollcall-worker as rollcall_service',
  ]);
  expect(readAddresses(dataDir)?.databaseUrl).toBe(database.serviceUrl);
  // Nobody asked for it.
  expect(running).toMatchObject({ livekitUrl: undefined, livekitApiKey: undefined });
});

test('a LiveKit of its own knows the key of server and worker, tells the API, and ends with them', async () => {
  const dataDir = temporaryDirectory();
  const { running, owner } = await start(dataDir, { livekit: true });
  const { livekitUrl = '', livekitApiKey, livekitApiSecret } = running;
  expect(readAddresses(dataDir)?.livekitUrl).toBe(livekitUrl);
  await new RoomServiceClient(livekitUrl, livekitApiKey, livekitApiSecret).createRoom({ name: 'no-class' });
  await eventually('the API was told', async () => {
    const kept = await owner`select event from set_aside where source = 'livekit' and room_name = 'no-class'`;
    return kept.length === 1;
  });
  await running.stop();
  expect(processesOf(dataDir)).toEqual([]);
});
