import { DefaultLogger, type NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Activities } from '../../activities/index.ts';
import {
  LIVEKIT_QUEUE,
  MAIN_QUEUE,
  MEET_QUEUE,
  MEET_SPACES_QUEUE,
  WEBHOOK_QUEUE,
} from '../../workflows/queues.ts';
import { workflowBundle } from './workflow-bundle.ts';

/** Google allows 6,000 reads a minute to a project; a fetch of an ordinary class takes about ten. */
const MEET_FETCHES_PER_SECOND = 10;
/** Google allows a hundred new spaces a minute. */
const MEET_SPACES_PER_SECOND = 100 / 60;
/** The adapter lets eight call at a time and sends away who waits too long: as many again are at the database meanwhile. */
const LIVEKIT_AT_ONCE = 16;
/** Each may hang for 15 s, and costs a socket meanwhile. */
const WEBHOOKS_AT_ONCE = 50;

/** Sends what Temporal's own machinery has to say to our log. Once in a process, before the first connection. */
export function logRuntimeTo(log: Logger): void {
  // All but one of our workers have no workflows, on purpose.
  const expected = 'No workflows registered';
  const levels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;
  Runtime.install({
    logger: new DefaultLogger('INFO', ({ level, message, meta }) => {
      if (!message.startsWith(expected)) log[levels[level]](meta, message);
    }),
  });
}

/** One worker for each queue. They stop together, on SIGINT and SIGTERM. */
export async function createWorkers(options: {
  connection: NativeConnection;
  namespace: string;
  activities: Activities;
}): Promise<Worker[]> {
  // Activities get this long to finish; whatever is cut off later runs again elsewhere.
  const stopping = { shutdownGraceTime: '20 seconds', shutdownForceTime: '30 seconds' } as const;
  // Otherwise a heartbeat is held back for 80 % of its timeout, and one that comes late is a failure.
  const common = { ...options, ...stopping, maxHeartbeatThrottleInterval: '2 seconds' } as const;
  return await Promise.all([
    Worker.create({
      ...common,
      taskQueue: MAIN_QUEUE,
      workflowBundle: { code: await workflowBundle() },
      maxCachedWorkflows: 600,
      maxConcurrentActivityTaskExecutions: 40,
    }),
    Worker.create({
      ...common,
      taskQueue: MEET_QUEUE,
      maxTaskQueueActivitiesPerSecond: MEET_FETCHES_PER_SECOND,
      maxConcurrentActivityTaskExecutions: 20,
    }),
    Worker.create({
      ...common,
      taskQueue: MEET_SPACES_QUEUE,
      maxTaskQueueActivitiesPerSecond: MEET_SPACES_PER_SECOND,
      maxConcurrentActivityTaskExecutions: 4,
    }),
    Worker.create({
      ...common,
      taskQueue: LIVEKIT_QUEUE,
      maxConcurrentActivityTaskExecutions: LIVEKIT_AT_ONCE,
    }),
    Worker.create({
      ...common,
      taskQueue: WEBHOOK_QUEUE,
      maxConcurrentActivityTaskExecutions: WEBHOOKS_AT_ONCE,
    }),
  ]);
}
