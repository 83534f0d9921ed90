/** Rollcall in a world whose time is skipped: seven days pass while nobody has anything to do. */
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { type Activities, createActivities } from '../../activities/index.ts';
import { createPresentMemories } from '../../activities/present-memory.ts';
import { MAIN_QUEUE } from '../../workflows/queues.ts';
import type { ClassRef } from '../db/client.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { plainReport } from '../local/progress.ts';
import { findTestServer } from '../local/test-server.ts';
import { createMeetAdapter } from '../meet/adapter.ts';
import { createWebhookSender } from '../outgoing/send-webhook.ts';
import { type MeetSimulator, startMeetSimulator } from '../simulators/meet-server.ts';
import { createTestLiveKit, type TestLiveKit } from './test-livekit.ts';
import { attributesToAdd } from './test-namespace.ts';
import { createWorkers, logRuntimeTo } from './workers.ts';

export interface TestTime extends TestDatabase {
  env: TestWorkflowEnvironment;
  meet: MeetSimulator;
  livekit: TestLiveKit;
  /** Starts the class and answers its ending, however many days later. */
  live(ref: ClassRef): Promise<string>;
  /** Starts the class and goes on. */
  start(ref: ClassRef): ReturnType<TestWorkflowEnvironment['client']['workflow']['start']>;
  /** The instants, in skipped time, at which an activity began, by its name. */
  calls: { name: string; atMs: number }[];
  stop(): Promise<void>;
}

const START_ATTEMPTS = 3;

/** The SDK gives the server 5 s to come up and cannot be told otherwise; Java on a busy machine takes longer at times. */
async function createEnvironment(path: string): Promise<TestWorkflowEnvironment> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({
        server: { executable: { type: 'existing-path', path } },
      });
    } catch (error) {
      const slow = error instanceof Error && error.message.includes('did not start within');
      if (!slow || attempt === START_ATTEMPTS) throw error;
    }
  }
}

export async function startTestTime(): Promise<TestTime> {
  logRuntimeTo(pino({ level: 'warn' }));
  const database = await createTestDatabase();
  const env = await createEnvironment(await findTestServer({ report: plainReport() }));
  await env.connection.operatorService.addSearchAttributes({
    namespace: 'default',
    searchAttributes: attributesToAdd,
  });
  const meet = await startMeetSimulator({ autoProvision: true });
  let nowMs = await env.currentTimeMs();
  const calls: TestTime['calls'] = [];
  const livekit = createTestLiveKit(() => nowMs);
  const activities = createActivities({
    db: database.db,
    meet: createMeetAdapter({
      serviceAccountKey: meet.serviceAccountKey,
      rootUrl: meet.url,
      now: () => nowMs,
    }),
    livekit,
    sendWebhook: createWebhookSender({ toPrivateNetworks: true }),
    retry: { firstMs: 600_000, forMs: 604_800_000 },
    now: () => nowMs,
    log: pino({ level: 'silent' }),
    presentMemories: createPresentMemories(),
  });
  // Activities see real time, so each is handed the time of the workflows before it begins.
  const timed = Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [
      name,
      async (...args: unknown[]) => {
        nowMs = await env.currentTimeMs();
        await meet.control.setClock({ now: nowMs });
        calls.push({ name, atMs: nowMs });
        return await (activity as (...all: unknown[]) => Promise<unknown>)(...args);
      },
    ]),
  ) as unknown as Activities;
  const workers = await createWorkers({
    connection: env.nativeConnection,
    namespace: 'default',
    activities: timed,
  });
  const running = Promise.all(workers.map((worker) => worker.run()));
  const start: TestTime['start'] = (ref) =>
    env.client.workflow.start('classSession', {
      workflowId: `class/${ref.tenantId}/${ref.classId}`,
      taskQueue: MAIN_QUEUE,
      args: [{ ...ref, phase: 'await-start' }],
    });
  return {
    ...database,
    env,
    meet,
    livekit,
    calls,
    start,
    live: async (ref) => await (await start(ref)).result(),
    async stop() {
      for (const worker of workers) worker.shutdown();
      await running;
      await env.teardown();
      await meet.stop();
      await database.drop();
    },
  };
}
