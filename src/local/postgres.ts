import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { type BackgroundProcess, startInBackground } from './background-process.ts';
import { ensureDataDir } from './data-dir.ts';
import { freePort } from './free-port.ts';
import { tryLock, type Unlock } from './hold-lock.ts';
import { poll } from './poll.ts';
import { type Cluster, OWNER, openCluster, SERVICE } from './postgres-cluster.ts';
import { findPostgresHome, type PostgresHome } from './postgres-home.ts';
import { clearStalePidFile, isPostmasterReady } from './postmaster.ts';
import type { Report } from './progress.ts';
import { postgresStop } from './stop-process.ts';

export interface PostgresOptions {
  readonly dataDir: string;
  /** A free one when left out. */
  readonly port?: number | undefined;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

export interface RunningPostgres {
  /** Logs in as the superuser that owns the database `rollcall`. */
  readonly ownerUrl: string;
  /** What server and worker log in as, once `migrate(ownerUrl, serviceUrl)` has made it. */
  readonly serviceUrl: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const DATABASE = 'rollcall';
const START_ATTEMPTS = 5;
// Recovery after a crash replays at most `max_wal_size` (1 GB) of log.
const READY_WITHIN_MS = 120_000;

/**
 * Starts the embedded PostgreSQL on the files in `dataDir`, which it makes if need be. Throws when another instance
 * has them, when `port` is taken and when PostgreSQL does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dataDir = ensureDataDir(options.dataDir);
  const unlock = tryLock(join(dataDir, 'postgres.lock'));
  if (unlock === undefined) {
    throw new Error(
      `Another Rollcall that is running now uses the PostgreSQL files in ${dataDir}. Stop it, or set ROLLCALL_DATA_DIR to another directory.`,
    );
  }
  try {
    const place = await findPostgresHome(dataDir, options.report);
    const cluster = await openCluster(place, options.report, options.signal);
    await clearStalePidFile(cluster.directory, options.signal);
    return await startOnSomePort(place, cluster, options, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function startOnSomePort(
  place: PostgresHome,
  cluster: Cluster,
  options: PostgresOptions,
  unlock: Unlock,
) {
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const server = await launch(place, cluster, port);
    try {
      await untilReady(server, cluster.directory, options.signal);
      await ensureDatabase(ownerUrlOf(cluster, port, 'postgres'));
      const stop = async () => {
        await server.stop();
        // Only now may another start look at the files.
        unlock();
      };
      return {
        ownerUrl: ownerUrlOf(cluster, port, DATABASE),
        serviceUrl: urlOf(SERVICE, cluster.servicePassword, port, DATABASE),
        port,
        pid: server.identity.pid,
        stop,
      };
    } catch (error) {
      await server.stop();
      options.signal?.throwIfAborted();
      const said = server.lastLines();
      const portTaken = said.includes('Address already in use');
      if (portTaken && options.port !== undefined) {
        throw new Error(
          `Port ${port} for PostgreSQL is taken by another program; choose another or leave it out.`,
        );
      }
      // Its former processes may need a moment to notice that their leader was killed.
      const remains = said.includes('pre-existing shared memory block');
      if (!(portTaken || remains) || attempt === START_ATTEMPTS) {
        throw new Error(`PostgreSQL on ${cluster.directory} did not start. It said:\n${said}`, {
          cause: error,
        });
      }
      await sleep(remains ? 1_000 : 0);
    }
  }
}

function launch(place: PostgresHome, cluster: Cluster, port: number): Promise<BackgroundProcess> {
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    // Server, worker, simulators and tests side by side, each with a pool.
    max_connections: 200,
    // What is acknowledged is kept, on one machine too.
    fsync: 'on',
    synchronous_commit: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return startInBackground(
    join(place.bin, 'postgres'),
    [
      '-D',
      cluster.directory,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { ...place.account, logFile: join(place.home, 'postgres.log'), plan: postgresStop },
  );
}

async function untilReady(server: BackgroundProcess, dataDirectory: string, signal: AbortSignal | undefined) {
  const ready = await poll(
    async () => {
      if (server.hasEnded()) throw new Error(`PostgreSQL ended with ${await server.ended}`);
      return isPostmasterReady(dataDirectory, server.identity.pid);
    },
    READY_WITHIN_MS,
    signal,
  );
  if (!ready) throw new Error(`PostgreSQL was not ready within ${READY_WITHIN_MS / 1000} s`);
}

async function ensureDatabase(url: string): Promise<void> {
  const sql = postgres(url, { max: 1 });
  try {
    const found = await sql`SELECT 1 FROM pg_database WHERE datname = ${DATABASE}`;
    if (found.length === 0) await sql`CREATE DATABASE ${sql(DATABASE)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

const ownerUrlOf = (cluster: Cluster, port: number, database: string): string =>
  urlOf(OWNER, cluster.password, port, database);

const urlOf = (login: string, password: string, port: number, database: string): string =>
  `postgresql://${login}:${password}@127.0.0.1:${port}/${database}`;
