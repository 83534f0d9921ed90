import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RoomServiceClient } from 'livekit-server-sdk';
import { type BackgroundProcess, startInBackground } from './background-process.ts';
import { ensureDataDir } from './data-dir.ts';
import { freePort } from './free-port.ts';
import { freeUdpPort } from './free-udp-port.ts';
import { tryLock, type Unlock } from './hold-lock.ts';
import { type LiveKitConfig, livekitConfig } from './livekit-config.ts';
import { pause, poll } from './poll.ts';
import type { Report } from './progress.ts';
import type { StopPlan } from './stop-process.ts';

export interface LiveKitOptions extends Pick<LiveKitConfig, 'apiKey' | 'apiSecret' | 'webhookUrls' | 'room'> {
  readonly binary: string;
  readonly dataDir: string;
  /** Where participants and the API knock (TCP). A free one when left out. */
  readonly port?: number | undefined;
  /** Where media goes. A free one when left out. */
  readonly udpPort?: number | undefined;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

export interface RunningLiveKit {
  readonly url: string;
  readonly port: number;
  readonly udpPort: number;
  readonly pid: number;
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 30_000;
// Together 3 s: what a killed launch left on a given port is ended by its guard in less.
const START_ATTEMPTS = 5;
const PAUSE_MS = 300;

// On the first signal it waits until the last participant has gone, on the second it throws them out. It does not heed
// the first one in the 100 ms after it began to answer.
const stopPlan: StopPlan = [
  { signal: 'SIGTERM', waitMs: 300 },
  { signal: 'SIGTERM', waitMs: 2_000 },
];

/**
 * Starts a LiveKit server for this machine alone and waits until it answers. It keeps nothing: after a SIGKILL the same
 * ports may be started again at once, without the rooms that were. Throws when a given port stays taken or another
 * instance uses the files in `dataDir`.
 */
export async function startLivekit(options: LiveKitOptions): Promise<RunningLiveKit> {
  const home = join(ensureDataDir(options.dataDir), 'livekit');
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const unlock = await lock(home, options.signal);
  try {
    for (let attempt = 1; ; attempt++) {
      const started = await tryToStart(home, options, attempt === START_ATTEMPTS);
      if (started !== undefined) {
        void started.ended.then(unlock);
        return started.running;
      }
      await pause(attempt * PAUSE_MS, options.signal);
    }
  } catch (error) {
    unlock();
    throw error;
  }
}

// One that was killed lets go as soon as its end is noticed here, a moment later.
async function lock(home: string, signal: AbortSignal | undefined): Promise<Unlock> {
  let unlock: Unlock | undefined;
  const take = () => {
    unlock = tryLock(`${home}.lock`);
    return unlock !== undefined;
  };
  await poll(take, 1_000, signal);
  if (unlock !== undefined) return unlock;
  throw new Error(
    `Another Rollcall that is running now uses the LiveKit files in ${home}. Stop it, or set ROLLCALL_DATA_DIR to another directory.`,
  );
}

// Answers undefined when a port was taken, unless this is the last attempt.
async function tryToStart(home: string, options: LiveKitOptions, isLast: boolean) {
  const { signal } = options;
  const port = options.port ?? (await freePort());
  const udpPort = options.udpPort ?? (await freeUdpPort());
  const probe = { key: `probe-${randomBytes(8).toString('hex')}`, secret: randomBytes(32).toString('hex') };
  const file = join(home, 'livekit.json');
  writeFileSync(file, livekitConfig({ ...options, port, udpPort, probe }), { mode: 0o600 });
  const server = await startInBackground(options.binary, ['--config', file], {
    logFile: join(home, 'livekit.log'),
    plan: stopPlan,
    // It takes LIVEKIT_KEYS, NODE_IP and others from the environment, before what the file says.
    env: {},
  });
  try {
    await untilItAnswers(server, `http://127.0.0.1:${port}`, probe, signal);
  } catch (error) {
    await server.stop();
    signal?.throwIfAborted();
    const said = server.lastLines();
    if (/address already in use/.test(said) && !isLast) return undefined;
    throw new Error(
      `LiveKit did not start on the ports ${port} (TCP) and ${udpPort} (UDP) of 127.0.0.1. It said:\n${said}`,
      { cause: error },
    );
  }
  const { pid } = server.identity;
  const running: RunningLiveKit = { url: `ws://127.0.0.1:${port}`, port, udpPort, pid, stop: server.stop };
  return { running, ended: server.ended };
}

// Only the process that was just started knows the key, so another LiveKit on the port is not taken for it.
async function untilItAnswers(
  server: BackgroundProcess,
  url: string,
  probe: { readonly key: string; readonly secret: string },
  signal: AbortSignal | undefined,
): Promise<void> {
  const rooms = new RoomServiceClient(url, probe.key, probe.secret, { requestTimeout: 2 });
  let lastError: unknown;
  const asks = async () => {
    if (server.hasEnded()) throw new Error(`LiveKit ended with ${await server.ended}`);
    try {
      await rooms.listRooms();
      return true;
    } catch (error) {
      lastError = error;
      return false;
    }
  };
  if (await poll(asks, READY_WITHIN_MS, signal)) return;
  throw new Error(`LiveKit at ${url} did not answer within ${READY_WITHIN_MS / 1_000} s`, {
    cause: lastError,
  });
}
