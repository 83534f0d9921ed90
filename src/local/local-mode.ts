import { findTemporal } from './find-temporal.ts';
import { startPostgres } from './postgres.ts';
import type { Report } from './progress.ts';
import { startTemporal } from './temporal.ts';
import type { SearchAttributeTypes } from './temporal-ready.ts';

export interface LocalServicesOptions {
  readonly dataDir: string;
  readonly report: Report;
  /** False where it is not needed. */
  readonly postgres?: boolean;
  readonly temporal?:
    | false
    | {
        readonly namespace?: string;
        readonly searchAttributes: SearchAttributeTypes;
        readonly headless?: boolean;
      };
  /** Free ones where left out. */
  readonly ports?: { readonly postgres?: number; readonly temporal?: number; readonly temporalUi?: number };
  readonly env?: NodeJS.ProcessEnv;
  /** Calls off a start in its middle. */
  readonly signal?: AbortSignal;
}

interface LocalPostgres {
  /** `external`: DATABASE_URL names it, and it is not ours to stop. */
  readonly kind: 'external' | 'local';
  /** The login that migrates. */
  readonly url: string;
  /** What server and worker log in as; undefined where the environment names one login for everything. */
  readonly serviceUrl: string | undefined;
}

interface LocalTemporal {
  /** `external`: TEMPORAL_ADDRESS names it, and it is not ours to stop. */
  readonly kind: 'external' | 'local';
  readonly address: string;
  readonly uiUrl: string | undefined;
}

export interface LocalServices {
  readonly postgres: LocalPostgres | undefined;
  readonly temporal: LocalTemporal | undefined;
  stop(): Promise<void>;
}

type Started<Service> = Service & { stop(): Promise<void> };

/**
 * PostgreSQL and Temporal for one machine: what the environment names is used as it is, the rest is started on the
 * files in `dataDir`. When one of them does not come up the other is stopped too, and the reason is thrown.
 */
export async function startLocalServices(options: LocalServicesOptions): Promise<LocalServices> {
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  const callOff = (error: unknown): never => {
    failed.abort(error);
    throw error;
  };
  const [postgres, temporal] = await Promise.allSettled([
    postgresFor(options, signal).catch(callOff),
    temporalFor(options, signal).catch(callOff),
  ]);
  const stop = async () => {
    // Temporal first: what is still running in it uses the database.
    if (temporal.status === 'fulfilled') await temporal.value?.stop();
    if (postgres.status === 'fulfilled') await postgres.value?.stop();
  };
  if (postgres.status === 'rejected' || temporal.status === 'rejected') {
    await stop();
    throw signal.reason;
  }
  return { postgres: postgres.value, temporal: temporal.value, stop };
}

async function postgresFor(
  options: LocalServicesOptions,
  signal: AbortSignal,
): Promise<Started<LocalPostgres> | undefined> {
  const { dataDir, report, ports, env = process.env } = options;
  if (options.postgres === false) return undefined;
  if (env.DATABASE_URL) {
    const serviceUrl = env.DATABASE_SERVICE_URL || undefined;
    return { kind: 'external', url: env.DATABASE_URL, serviceUrl, stop: async () => {} };
  }
  const running = await startPostgres({ dataDir, port: ports?.postgres, report, signal });
  return { kind: 'local', url: running.ownerUrl, serviceUrl: running.serviceUrl, stop: running.stop };
}

async function temporalFor(
  options: LocalServicesOptions,
  signal: AbortSignal,
): Promise<Started<LocalTemporal> | undefined> {
  const { dataDir, report, ports, env = process.env, temporal = { searchAttributes: {} } } = options;
  if (temporal === false) return undefined;
  if (env.TEMPORAL_ADDRESS) {
    return { kind: 'external', address: env.TEMPORAL_ADDRESS, uiUrl: undefined, stop: async () => {} };
  }
  const binary = await findTemporal({ report, env, signal });
  const running = await startTemporal({
    ...temporal,
    binary,
    dataDir,
    port: ports?.temporal,
    uiPort: ports?.temporalUi,
    report,
    signal,
  });
  return { kind: 'local', address: running.address, uiUrl: running.uiUrl, stop: running.stop };
}
