/** Activities on a real database, with a scripted LiveKit and a clock that the test turns. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { createTestDatabase, type TestDatabase } from '../src/db/test-database.ts';
import { createMeetAdapter } from '../src/meet/adapter.ts';
import { createWebhookSender } from '../src/outgoing/send-webhook.ts';
import { createTestLiveKit, type TestLiveKit } from '../src/temporal/test-livekit.ts';
import type { ActivityDeps } from './index.ts';
import { createPresentMemories } from './present-memory.ts';

export interface TestActivities extends TestDatabase {
  clock: { nowMs: number };
  livekit: TestLiveKit;
  deps: ActivityDeps;
  /** Runs an activity as its `attempt`-th try, the first unless told otherwise. */
  run<A extends unknown[], R>(
    verb: (deps: ActivityDeps, ...args: A) => Promise<R>,
    args: A,
    trial?: { attempt?: number; deps?: Partial<ActivityDeps> },
  ): Promise<R>;
}

export async function startTestActivities(nowMs: number): Promise<TestActivities> {
  const database = await createTestDatabase();
  const clock = { nowMs };
  const now = () => clock.nowMs;
  const livekit = createTestLiveKit(now);
  const deps: ActivityDeps = {
    db: database.db,
    // Reads its key when it is first asked, and these classes do not meet there.
    meet: createMeetAdapter({ serviceAccountKey: '' }),
    livekit,
    sendWebhook: createWebhookSender({ toPrivateNetworks: true, patienceMs: 1_000 }),
    retry: { firstMs: 600_000, forMs: 604_800_000 },
    now,
    log: pino({ level: 'silent' }),
    presentMemories: createPresentMemories(),
  };
  return {
    ...database,
    clock,
    livekit,
    deps,
    async run(verb, args, { attempt = 1, deps: other = {} } = {}) {
      const environment = new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') });
      return await environment.run(() => verb({ ...deps, ...other }, ...args));
    },
  };
}
