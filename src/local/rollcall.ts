/**
 * All of Rollcall on one machine: PostgreSQL, Temporal, LiveKit where it is wanted, server and worker, and Google played
 * by a simulator.
 */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ATTRIBUTE_TYPES } from '../../workflows/attribute-keys.ts';
import { migrate } from '../db/migrate.ts';
import { generateAccountKey } from '../simulators/meet/account-key.ts';
import { type LocalAddresses, removeAddresses, writeAddresses } from './addresses.ts';
import { ensureDataDir } from './data-dir.ts';
import { freePort } from './free-port.ts';
import { type LocalLiveKit, prepareLivekit, type WantedLiveKit } from './local-livekit.ts';
import { startLocalServices } from './local-mode.ts';
import { createProcesses, type Processes, type Unexpected } from './processes.ts';
import type { Report } from './progress.ts';
import { localSecrets } from './secrets.ts';
import type { RunningProcess } from './supervised-process.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export interface LocalRollcallOptions {
  dataDir: string;
  report: Report;
  /** Lines of the processes; nothing when left out. */
  write?: (line: string) => void;
  /** Comes before the environment of this process. */
  env?: Record<string, string>;
  ports?: { postgres?: number; temporal?: number; temporalUi?: number };
  /** Off when left out. What LIVEKIT_URL names is used in any case. */
  livekit?: WantedLiveKit;
  /** Restarts server and worker whenever a file changes. */
  watch?: boolean;
  /** Calls off a start in its middle. */
  signal?: AbortSignal;
}

export interface LocalRollcall extends LocalAddresses {
  jwtSecret: string | undefined;
  /** Both where LiveKit is on, to sign as its owner does. */
  livekitApiKey: string | undefined;
  livekitApiSecret: string | undefined;
  /** The login that migrated, which nobody else is told of. */
  ownerUrl: string;
  server: RunningProcess;
  worker: RunningProcess;
  /** Resolves with the first process that ended unasked and is not started again. */
  failed: Promise<Unexpected>;
  stop(): Promise<void>;
}

/** Starts everything and answers when it is ready. When one part does not come up, the others are stopped. */
export async function startLocalRollcall(options: LocalRollcallOptions): Promise<LocalRollcall> {
  const { report, signal } = options;
  const dataDir = ensureDataDir(options.dataDir);
  const given = { ...process.env, ...options.env };
  const services = await startLocalServices({
    dataDir,
    report,
    env: given,
    temporal: { searchAttributes: ATTRIBUTE_TYPES, namespace: given.TEMPORAL_NAMESPACE || 'default' },
    ...(options.ports && { ports: options.ports }),
    ...(signal && { signal }),
  });
  const processes = createProcesses({ write: options.write ?? (() => {}), ...(signal && { signal }) });
  let livekit: LocalLiveKit | undefined;
  const stop = async (): Promise<void> => {
    await processes.stop();
    await livekit?.stop();
    await services.stop();
    removeAddresses(dataDir);
  };
  try {
    signal?.throwIfAborted();
    if (!services.postgres || !services.temporal) throw new Error('PostgreSQL and Temporal were asked for.');
    const { url: ownerUrl, serviceUrl } = services.postgres;
    await migrate(ownerUrl, serviceUrl);
    const databaseUrl = serviceUrl ?? ownerUrl;
    const secrets = given.AUTH_JWKS_URL
      ? {}
      : { AUTH_JWT_SECRET: localSecrets({ dataDir, report }).AUTH_JWT_SECRET };
    const startLivekit = await prepareLivekit({
      wanted: options.livekit ?? false,
      dataDir,
      env: given,
      report,
      signal,
    });
    // Not before it is needed: somebody else may get it.
    const port = given.PORT || String(await freePort());
    const apiUrl = `http://${given.HOST || '127.0.0.1'}:${port}`;
    livekit = await startLivekit(`${apiUrl}/webhooks/livekit`);
    const google = await googleFor(processes, dataDir, given);
    const env: Record<string, string> = {
      ...secrets,
      ...definedIn(given),
      ...google,
      ...livekit.env,
      PORT: port,
      DATABASE_URL: databaseUrl,
      // One that goes with another database must not come before it.
      DATABASE_SERVICE_URL: '',
      TEMPORAL_ADDRESS: services.temporal.address,
    };
    const run = (name: string, file: string, flags: readonly string[] = []) => ({
      name,
      args: [...YOUNG_GENERATION, ...flags, ...(options.watch ? WATCHED : []), file],
      cwd: ROOT,
      env,
      restart: true,
    });
    // Side by side: each takes a second or two to load.
    const [server, worker] = await Promise.all([
      processes.start({ ...run('server', 'server.ts', PROMPT), ready: { url: `${apiUrl}/readyz` } }),
      processes.start({ ...run('worker', 'worker.ts'), ready: { line: /worker ready/ } }),
    ]);
    signal?.throwIfAborted();
    const addresses: LocalAddresses = {
      apiUrl,
      databaseUrl,
      temporalAddress: services.temporal.address,
      temporalUiUrl: services.temporal.uiUrl,
      simulatorUrl: google.GOOGLE_ROOT_URL,
      livekitUrl: env.LIVEKIT_URL || undefined,
    };
    writeAddresses(dataDir, addresses);
    return {
      ...addresses,
      ownerUrl,
      jwtSecret: env.AUTH_JWT_SECRET,
      livekitApiKey: env.LIVEKIT_API_KEY || undefined,
      livekitApiSecret: env.LIVEKIT_API_SECRET || undefined,
      server,
      worker,
      failed: processes.failed,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * V8 lets the young generation grow with the garbage of loading the modules and keeps the pages, so it is bounded. With 4 MB
 * the idle server is 20 MB smaller still, and each delivery of LiveKit costs it a tenth more. As it grows to that anyhow, it
 * begins so: growing step by step makes a quarter of the CPU of a start.
 */
const YOUNG_GENERATION = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

/**
 * After some quiet seconds V8 collects and shrinks what a server has, and who comes at the full hour waits for that and
 * until it has grown again. And four threads that look through the heap at once, as Node has them, take the cores from the
 * database that everybody waits for. With 16 MB for what is young, hundreds of deliveries that wait for their commit are
 * copied before they are garbage: under overload that is a tenth of what is stored.
 */
const PROMPT = ['--max-semi-space-size=32', '--no-memory-reducer', '--v8-pool-size=1'];

const WATCHED = [
  '--watch',
  '--watch-preserve-output',
  ...['src', 'workflows', 'activities', 'server.ts', 'worker.ts'].map((path) => `--watch-path=${path}`),
];

/** Without a service account of its own, local mode has Google played by the simulator. */
async function googleFor(
  processes: Processes,
  dataDir: string,
  env: NodeJS.ProcessEnv,
): Promise<{ GOOGLE_SERVICE_ACCOUNT_KEY?: string; GOOGLE_ROOT_URL?: string }> {
  if (env.GOOGLE_SERVICE_ACCOUNT_KEY) return {};
  const port = await freePort();
  const keyFile = join(dataDir, 'simulated-google-key.json');
  await writeFile(keyFile, JSON.stringify(await generateAccountKey()), { mode: 0o600 });
  await processes.start({
    name: 'simulator',
    args: [
      'src/simulators/meet-server.ts',
      '--port',
      String(port),
      '--key-file',
      keyFile,
      '--auto-provision',
    ],
    cwd: ROOT,
    ready: { line: /meet simulator ready/ },
  });
  return { GOOGLE_SERVICE_ACCOUNT_KEY: keyFile, GOOGLE_ROOT_URL: `http://127.0.0.1:${port}` };
}

const definedIn = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
