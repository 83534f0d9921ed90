/** The Temporal worker process: starts and stops, nothing more. */
import { NativeConnection } from '@temporalio/worker';
import { createActivities } from './activities/index.ts';
import { createPresentMemories } from './activities/present-memory.ts';
import { ConfigError, readWorkerConfig } from './src/config.ts';
import { openDatabase } from './src/db/client.ts';
import { warnOfPowerfulLogin } from './src/db/powerful-login.ts';
import { livekitSettings } from './src/livekit/keys.ts';
import { createLiveKitRooms } from './src/livekit/rooms.ts';
import { createLog } from './src/log.ts';
import { createMeetAdapter } from './src/meet/adapter.ts';
import { createWebhookSender } from './src/outgoing/send-webhook.ts';
import { temporalOptions } from './src/temporal/connection-options.ts';
import { createWorkers, logRuntimeTo } from './src/temporal/workers.ts';

async function main(): Promise<void> {
  const config = readWorkerConfig(process.env);
  const log = createLog('worker', config.LOG_LEVEL);
  logRuntimeTo(log.child({}, { level: config.LOG_LEVEL === 'info' ? 'warn' : config.LOG_LEVEL }));
  const db = openDatabase(config.DATABASE_SERVICE_URL ?? config.DATABASE_URL, 'rollcall-worker', 20);
  void warnOfPowerfulLogin(db, log);
  const livekit = livekitSettings(config);
  const activities = createActivities({
    db,
    meet: createMeetAdapter({
      serviceAccountKey: config.GOOGLE_SERVICE_ACCOUNT_KEY,
      rootUrl: config.GOOGLE_ROOT_URL,
    }),
    livekit: livekit && createLiveKitRooms({ settings: livekit, now: Date.now }),
    sendWebhook: createWebhookSender({ toPrivateNetworks: config.ROLLCALL_WEBHOOKS_TO_PRIVATE_NETWORKS }),
    retry: {
      firstMs: config.ROLLCALL_RETRY_SECONDS * 1_000,
      forMs: config.ROLLCALL_RETRY_FOR_SECONDS * 1_000,
    },
    now: Date.now,
    log,
    presentMemories: createPresentMemories(),
  });
  const { namespace, ...connecting } = await temporalOptions(config);
  const connection = await NativeConnection.connect(connecting);
  const workers = await createWorkers({ connection, namespace, activities });
  process.stdout.write('worker ready\n');
  await Promise.all(workers.map((worker) => worker.run()));
  await connection.close();
  await db.close();
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
});
