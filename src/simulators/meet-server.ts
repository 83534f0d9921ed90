import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import express from 'express';
import { type AccountKey, generateAccountKey, keyFromFile, publicKeyOf } from './meet/account-key.ts';
import { createCallLog } from './meet/call-log.ts';
import { createSimulatorClock } from './meet/clock.ts';
import { createMeetSimulatorControl, type MeetSimulatorControl } from './meet/control-client.ts';
import type { PagingSetting } from './meet/control-protocol.ts';
import { controlRoutes } from './meet/control-routes.ts';
import { faultMiddleware, sendGoogleError } from './meet/fault-middleware.ts';
import { createFaultBoard } from './meet/faults.ts';
import { googleRoutes } from './meet/google-routes.ts';
import { createTokenOffice } from './meet/tokens.ts';
import { createWorld } from './meet/world.ts';

export { createMeetSimulatorControl, type MeetSimulatorControl };

export interface MeetSimulator {
  /** What `GOOGLE_ROOT_URL` is set to. */
  url: string;
  port: number;
  /** JSON, usable as `GOOGLE_SERVICE_ACCOUNT_KEY`. */
  serviceAccountKey: string;
  control: MeetSimulatorControl;
  stop(): Promise<void>;
}

export interface MeetSimulatorOptions {
  /** Default: any free one. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Take every unknown e-mail that is impersonated for a person of the domain. */
  autoProvision?: boolean;
  accountKey?: AccountKey;
}

/**
 * Google as Rollcall sees it, over real HTTP: tokens, Meet and the Directory under Google's own paths, and a control
 * interface under `/_simulator/`. It reveals what was scripted as its clock reaches it.
 */
export async function startMeetSimulator(options: MeetSimulatorOptions = {}): Promise<MeetSimulator> {
  const key = options.accountKey ?? (await generateAccountKey());
  const world = createWorld();
  const clock = createSimulatorClock();
  const faults = createFaultBoard();
  const calls = createCallLog();
  const tokens = createTokenOffice(world, { clientEmail: key.client_email, publicKeyPem: publicKeyOf(key) });
  tokens.setAutoProvision(options.autoProvision ?? false);
  let paging: PagingSetting = { empty_pages_first: 0 };
  const setPaging = (setting: PagingSetting) => {
    paging = setting;
  };

  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use('/_simulator', controlRoutes({ world, tokens, clock, faults, calls, setPaging }));
  app.use(faultMiddleware({ faults, calls, now: clock.now, subjectOf: tokens.subjectOf }));
  app.use(express.urlencoded({ extended: false }), express.json());
  app.use(googleRoutes({ world, tokens, clock, paging: () => paging }));
  app.use(sendGoogleError);

  const server = createServer(app);
  server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://${options.host ?? '127.0.0.1'}:${port}`;
  return {
    url,
    port,
    serviceAccountKey: JSON.stringify(key),
    control: createMeetSimulatorControl(url),
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      // Calls that were left hanging would keep it open for ever.
      server.closeAllConnections();
      await closed;
    },
  };
}

/** `node src/simulators/meet-server.ts --port 4010 --key-file key.json --auto-provision` */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      'key-file': { type: 'string' },
      'auto-provision': { type: 'boolean', default: false },
    },
  });
  const keyFile = values['key-file'];
  const simulator = await startMeetSimulator({
    port: Number(values.port),
    host: values.host,
    autoProvision: values['auto-provision'],
    ...(keyFile === undefined ? {} : { accountKey: await keyFromFile(keyFile) }),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void simulator.stop());
  process.stdout.write(`meet simulator ready ${simulator.url}\n`);
}

if (import.meta.main) await main();
