/** The HTTP process: starts and stops, nothing more. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { watchClasses } from './src/alerts/watch-classes.ts';
import { ConfigError, readConfig } from './src/config.ts';
import { openDatabase } from './src/db/client.ts';
import { warnOfPowerfulLogin } from './src/db/powerful-login.ts';
import { createApp } from './src/http/app.ts';
import { COMMITS_IN_FLIGHT } from './src/http/livekit-webhook.ts';
import { isWebSocket, keepLooking } from './src/http/whiteboard-socket.ts';
import { livekitSettings } from './src/livekit/keys.ts';
import { createLog } from './src/log.ts';
import { loggable } from './src/loggable.ts';
import { createClassWorkflows } from './src/temporal/class-workflows.ts';
import { temporalOptions } from './src/temporal/connection-options.ts';
import { startSweeper } from './src/temporal/sweeper.ts';
import { keepStoring } from './src/whiteboard/keep-storing.ts';

// Under load V8 takes what waits for a commit for long-lived and then makes it in the old generation, for good: each
// delivery would leave its 5 KB to the collections that stop the server for tens of milliseconds.
setFlagsFromString('--no-allocation-site-pretenuring');

/** As long as a request may take. */
const ANSWERED_WITHIN_MS = 15_000;

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLog('server', config.LOG_LEVEL);
  const databaseUrl = config.DATABASE_SERVICE_URL ?? config.DATABASE_URL;
  const db = openDatabase(databaseUrl, 'rollcall-server', 20);
  const deliveryDb = openDatabase(databaseUrl, 'rollcall-server-deliveries', COMMITS_IN_FLIGHT);
  void warnOfPowerfulLogin(db, log);
  const workflows = createClassWorkflows(await temporalOptions(config));
  const livekit = livekitSettings(config);
  const app = createApp({ db, deliveryDb, workflows, config, livekit, now: Date.now, log });
  // Whatever else a client would rather speak (Java and curl offer h2c), it gets HTTP.
  const server = createServer({ shouldUpgradeCallback: isWebSocket }, app.listener);
  // Nobody may hold a connection by being slow.
  server.headersTimeout = 10_000;
  server.requestTimeout = 15_000;
  // Whoever is told to come back in a minute finds the connection still open: Node itself would close it after some six
  // seconds. And longer than a proxy keeps it, which is a minute as a rule.
  server.keepAliveTimeout = 65_000;
  server.on('upgrade', (req, socket, head) => void app.sockets.upgrade(req, socket, head));
  const sweeper = startSweeper({ db, workflows, log });
  const looking = keepLooking(app.sockets);
  const storing = keepStoring(app.presence, log);
  const watching = watchClasses({ db, now: Date.now, log });

  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    // Whoever is still answered is not waited for afterwards.
    server.keepAliveTimeout = 1;
    looking.stop();
    await storing.stop();
    await Promise.all([app.live.stop(), app.sockets.stop()]);
    const cut = setTimeout(() => server.closeAllConnections(), ANSWERED_WITHIN_MS);
    await closed;
    clearTimeout(cut);
    // What was taken in while it stopped.
    await app.presence
      .tick()
      .catch((error: unknown) => log.warn({ failure: loggable(error) }, 'not all is stored'));
    await app.drained();
    await sweeper.stop();
    await watching.stop();
    await workflows.close();
    await Promise.all([db.close(), deliveryDb.close()]);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());

  server.listen(config.PORT, config.HOST, () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`server ready http://${config.HOST}:${port}\n`);
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : (error as Error).stack}\n`);
  process.exitCode = 1;
});
