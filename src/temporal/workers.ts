import { DefaultLogger, type NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import type { Activities } from '../../activities/index.ts';
import { MAIN_QUEUE, MEET_QUEUE, MEET_SPACES_QUEUE } from '../../workflows/queues.ts';

const WORKFLOWS = new URL('../../workflows/index.ts', import.meta.url).pathname;

/** Google allows 6,000 reads a minute to a project; a fetch of an ordinary class takes about ten. */
const MEET_FETCHES_PER_SECOND = 10;
/** Google allows a hundred new spaces a minute. */
const MEET_SPACES_PER_SECOND = 100 / 60;

/** Sends what Temporal's own machinery has to say to our log. Once in a process, before the first connection. */
export function logRuntimeTo(log: Logger): void {
  // Two of our workers have no workflows, on purpose.
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
      workflowsPath: WORKFLOWS,
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
  ]);
}
