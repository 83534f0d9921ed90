import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackgroundProcess, startInBackground } from './background-process.ts';
import { ensureDataDir } from './data-dir.ts';
import { freePort } from './free-port.ts';
import { tryLock } from './hold-lock.ts';
import { poll } from './poll.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import type { Report } from './progress.ts';
import { politely } from './stop-process.ts';
import { type SearchAttributeTypes, untilTemporalAnswers } from './temporal-ready.ts';

export interface TemporalOptions {
  readonly binary: string;
  readonly dataDir: string;
  /** Free ones when left out. */
  readonly port?: number | undefined;
  readonly uiPort?: number | undefined;
  /** Without the web interface, for tests. */
  readonly headless?: boolean;
  /** Made when it does not exist; `default` when left out. */
  readonly namespace?: string;
  readonly searchAttributes: SearchAttributeTypes;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

export interface RunningTemporal {
  readonly address: string;
  readonly uiUrl: string | undefined;
  readonly pid: number;
  stop(): Promise<void>;
}

const START_ATTEMPTS = 3;
/**
 * Temporal chooses more ports than it is given, and panics when another process takes one in that moment. And it panics now
 * and then while it starts (a nil pointer in 1.29, once in forty starts on a busy machine).
 */
const MAY_NOT_COME_AGAIN =
  /^panic: |address already in use|can't set .*port|port .*already|failed assigning ephemeral port/im;
const DEFAULT_NAMESPACE = 'default';

/**
 * Starts Temporal's development server on the files in `dataDir` and waits until it answers for `namespace` and knows
 * the search attributes. Throws when another instance has the files or a given port is taken.
 */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  const home = join(ensureDataDir(options.dataDir), 'temporal');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const unlock = tryLock(`${home}.lock`);
  if (unlock === undefined) {
    throw new Error(
      `Another Rollcall that is running now uses the Temporal files in ${home}. Stop it, or set ROLLCALL_DATA_DIR to another directory.`,
    );
  }
  const pidFile = join(home, 'process.json');
  try {
    await untilFormerEnded(pidFile, home, options.signal);
    const running = await startOnSomePort(home, pidFile, options);
    const stop = async () => {
      await running.stop();
      rmSync(pidFile, { force: true });
      unlock();
    };
    return { ...running, stop };
  } catch (error) {
    unlock();
    throw error;
  }
}

async function startOnSomePort(
  home: string,
  pidFile: string,
  options: TemporalOptions,
): Promise<RunningTemporal> {
  const { headless = false, namespace = DEFAULT_NAMESPACE, searchAttributes, signal } = options;
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const uiPort = headless ? undefined : (options.uiPort ?? (await freePort()));
    const server = await launch(home, options, port, uiPort);
    writeFileSync(pidFile, JSON.stringify(server.identity));
    const address = `127.0.0.1:${port}`;
    try {
      await untilTemporalAnswers({ address, namespace, searchAttributes, signal, server });
      return {
        address,
        uiUrl: uiPort === undefined ? undefined : `http://127.0.0.1:${uiPort}`,
        pid: server.identity.pid,
        stop: server.stop,
      };
    } catch (error) {
      await server.stop();
      signal?.throwIfAborted();
      const said = server.lastLines();
      if (MAY_NOT_COME_AGAIN.test(said) && attempt < START_ATTEMPTS) {
        // A given port may be taken for a moment only, as the near end of somebody's connection.
        await sleep(attempt * 500, undefined, { signal });
        continue;
      }
      throw new Error(`Temporal on ${home} did not start. It said:\n${said}`, { cause: error });
    }
  }
}

function launch(
  home: string,
  options: TemporalOptions,
  port: number,
  uiPort: number | undefined,
): Promise<BackgroundProcess> {
  const args = [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port)],
    ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort), '--ui-ip', '127.0.0.1']),
    ...['--db-filename', join(home, 'temporal.db')],
    // Three times the workflows a second, and still whole after a crash.
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
    ...['--namespace', options.namespace ?? DEFAULT_NAMESPACE, '--log-level', 'warn'],
    ...Object.entries(options.searchAttributes).flatMap(([name, type]) => [
      '--search-attribute',
      `${name}=${type}`,
    ]),
  ];
  return startInBackground(options.binary, args, { logFile: join(home, 'temporal.log'), plan: politely });
}

// Two servers on one SQLite file would both hand out the same tasks. The lock says that no Rollcall is left which
// started the recorded one; its guard may still be ending it.
async function untilFormerEnded(
  pidFile: string,
  home: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const former = recorded(pidFile);
  if (former === undefined) return;
  if (!(await poll(() => !isAlive(former), 15_000, signal))) {
    throw new Error(
      `A Temporal server (process ${former.pid}) still runs on ${home}. Stop it (\`kill ${former.pid}\`), or set ROLLCALL_DATA_DIR to another directory.`,
    );
  }
}

function recorded(pidFile: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(pidFile, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
