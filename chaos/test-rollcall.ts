/** Server, worker and simulator as real processes, for the tests that take them apart. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { signToken } from '../src/cli/token.ts';
import { createTestDatabase, type TestDatabase } from '../src/db/test-database.ts';
import { plainReport } from '../src/local/progress.ts';
import { type LocalRollcall, startLocalRollcall } from '../src/local/rollcall.ts';
import { createMeetSimulatorControl, type MeetSimulatorControl } from '../src/simulators/meet/control-client.ts';
import { createTestNamespace } from '../src/temporal/test-namespace.ts';

export const TEACHER = 'teacher@school.example';
export const STUDENT = 'student@school.example';

export interface Answer<T> {
  status: number;
  body: T;
  headers: Headers;
}

export interface TestRollcall extends LocalRollcall {
  /** Of the database that server and worker use. */
  database: TestDatabase;
  namespace: string;
  google: MeetSimulatorControl;
  /** Calls the API as an admin of `school`. */
  call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>;
}

/** Seconds instead of minutes, so that a test lives through a class. */
const TIMES = {
  ROLLCALL_OPEN_LEAD_SECONDS: '1',
  ROLLCALL_POLL_SECONDS: '1',
  ROLLCALL_GRACE_SECONDS: '2',
  ROLLCALL_RETRY_SECONDS: '1',
  ROLLCALL_RETRY_FOR_SECONDS: '60',
  LOG_LEVEL: 'warn',
};

/** @param env comes before the defaults, for example the address of a database or a Temporal of the test's own */
export async function startTestRollcall(env: Record<string, string> = {}): Promise<TestRollcall> {
  const database = await createTestDatabase();
  const temporalAddress = env.TEMPORAL_ADDRESS ?? inject('temporalAddress');
  const namespace = env.TEMPORAL_NAMESPACE ?? (await createTestNamespace(temporalAddress));
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-chaos-'));
  const running = await startLocalRollcall({
    dataDir,
    report: plainReport(),
    write: process.env.CHAOS_LOG ? (line) => process.stderr.write(`${line}\n`) : () => {},
    env: {
      ...TIMES,
      GOOGLE_SERVICE_ACCOUNT_KEY: '',
      DATABASE_URL: database.ownerUrl,
      TEMPORAL_ADDRESS: temporalAddress,
      TEMPORAL_NAMESPACE: namespace,
      ...env,
    },
  });
  const token = await signToken(running.jwtSecret ?? '', { tenant: 'school', role: 'admin', sub: 'admin@school.example' });
  return {
    ...running,
    database,
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
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
