import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { showProgress } from '../src/local/progress.ts';
import { type LocalRollcall, type LocalRollcallOptions, startLocalRollcall } from '../src/local/rollcall.ts';
import { stopSignals } from '../src/local/stop-signals.ts';

/** Whatever the environment names, a bench measures components of its own, with the timings that hold out of the box. */
const OWN = {
  DATABASE_URL: '',
  TEMPORAL_ADDRESS: '',
  TEMPORAL_NAMESPACE: '',
  AUTH_JWKS_URL: '',
  GOOGLE_SERVICE_ACCOUNT_KEY: '',
  LIVEKIT_URL: '',
  LIVEKIT_API_KEY: '',
  LIVEKIT_API_SECRET: '',
  LIVEKIT_KEYS: '',
  ROLLCALL_OPEN_LEAD_SECONDS: '',
  ROLLCALL_POLL_SECONDS: '',
  ROLLCALL_VERIFY_SECONDS: '',
  ROLLCALL_GRACE_SECONDS: '',
  PORT: '',
  LOG_LEVEL: 'warn',
};

/**
 * Runs `work` beside a whole Rollcall on loopback that lives in a directory of its own, and removes both afterwards.
 * `work` is called off when it takes longer than `withinMs`, set-up not counted; `env` comes before all else;
 * LiveKit is off when nothing is said of it.
 */
export async function withRollcall<T>(
  withinMs: number,
  work: (rollcall: LocalRollcall, signal: AbortSignal) => Promise<T>,
  env: Record<string, string> = {},
  { livekit = false }: Pick<LocalRollcallOptions, 'livekit'> = {},
): Promise<T> {
  const asked = stopSignals();
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-bench-'));
  let rollcall: LocalRollcall | undefined;
  try {
    rollcall = await startLocalRollcall({
      dataDir,
      report: showProgress(),
      write: (line) => process.stderr.write(`${line}\n`),
      env: { ...OWN, ...env },
      livekit,
      signal: asked,
    });
    return await work(rollcall, AbortSignal.any([asked, AbortSignal.timeout(withinMs)]));
  } finally {
    await rollcall?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}
