/** Server, worker and simulator as real processes, for the tests that take them apart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { signToken } from '../src/cli/token.ts';
import { createTestDatabase } from '../src/db/test-database.ts';
import { plainReport } from '../src/local/progress.ts';
import { type LocalRollcall, startLocalRollcall } from '../src/local/rollcall.ts';
import {
  createMeetSimulatorControl,
  type MeetSimulatorControl,
} from '../src/simulators/meet/control-client.ts';
import { createTestNamespace } from '../src/temporal/test-namespace.ts';

export const TENANT = 'school';
/** The thresholds of a lesson of an hour do not fit one of six seconds. */
export const POLICY = {
  name: 'seconds',
  preset: 'itqan',
  effective_from: '2020-01-01',
  late_after_minutes: 0.05,
  bridge_seconds: 1,
  min_presence_seconds: 1,
};

export interface Answer<T> {
  status: number;
  body: T;
  headers: Headers;
}

export interface TestRollcall extends LocalRollcall {
  namespace: string;
  google: MeetSimulatorControl;
  /** Calls the API as an admin of `school`. */
  call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
}

/** Seconds instead of minutes, so that a test lives through a class. */
const TIMES = {
  ROLLCALL_OPEN_LEAD_SECONDS: '1',
  // A worker makes ten fetches a second, and some tests run fifteen classes side by side.
  ROLLCALL_POLL_SECONDS: '2',
  ROLLCALL_GRACE_SECONDS: '2',
  ROLLCALL_RETRY_SECONDS: '1',
  ROLLCALL_RETRY_FOR_SECONDS: '60',
  LOG_LEVEL: 'warn',
};

/** @param env comes before the defaults, for example the address of a database or a Temporal of the test's own */
export async function startTestRollcall(env: Record<string, string> = {}): Promise<TestRollcall> {
  const database = env.DATABASE_URL === undefined ? await createTestDatabase() : null;
  const temporalAddress = env.TEMPORAL_ADDRESS ?? inject('temporalAddress');
  const namespace = env.TEMPORAL_NAMESPACE ?? (await createTestNamespace(temporalAddress));
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-chaos-'));
  const running = await startLocalRollcall({
    dataDir,
    report: plainReport(),
    write: process.env.CHAOS_LOG ? (line) => process.stderr.write(`${line}\n`) : lastWords(),
    env: {
      ...TIMES,
      GOOGLE_SERVICE_ACCOUNT_KEY: '',
      ...(database && { DATABASE_URL: database.ownerUrl, DATABASE_SERVICE_URL: database.serviceUrl }),
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: namespace,
      ...env,
    },
  });
  const admin = { tenant: TENANT, role: 'admin', sub: 'admin@school.example' } as const;
  const token = await signToken(running.jwtSecret ?? '', admin);
  const rollcall: TestRollcall = {
    ...running,
    namespace,
    google: createMeetSimulatorControl(running.simulatorUrl ?? ''),
    async call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const response = await fetch(`${running.apiUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: response.status, headers: response.headers, body: (await response.json()) as T };
    },
    async stop() {
      await running.stop();
      await database?.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  await rollcall.call('POST', '/api/policies', POLICY);
  return rollcall;
}

const KEPT_LINES = 30;

/** Says nothing until a process ends unasked, and then what was said before: the reason is nowhere else. */
function lastWords(): (line: string) => void {
  const lines: string[] = [];
  return (line) => {
    if (lines.push(line) > KEPT_LINES) lines.shift();
    if (line.includes('| ended with ')) process.stderr.write(`${lines.splice(0).join('\n')}\n`);
  };
}

/** The worker process dies as in a power cut; its supervisor starts another. Answers when that one is there. */
export const killWorker = ({ worker }: TestRollcall): Promise<void> => killAndWait('worker', worker);
export const killServer = ({ server }: TestRollcall): Promise<void> => killAndWait('server', server);

/** Without a word, until another one of it runs. */
async function killAndWait(name: string, victim: { pid(): number | undefined }): Promise<void> {
  const pid = victim.pid();
  if (pid === undefined) throw new Error(`the ${name} is not running`);
  process.kill(pid, 'SIGKILL');
  await until(`another ${name}`, async () => {
    const now = victim.pid();
    return now !== undefined && now !== pid;
  });
}

/**
 * Looks again and again until what it sees is not false, null or undefined; throws when it does not come, before the test
 * runs out of time without a word.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | null | undefined>,
  withinMs = 45_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== false && seen !== null && seen !== undefined) return seen;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${withinMs / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
