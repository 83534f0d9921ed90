// The health check of the worker's container, which serves no HTTP: healthy while Temporal saw this very host ask
// for work within the last two minutes. A long poll lasts one.
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { MAIN_QUEUE } from '../../workflows/queues.ts';

const SEEN_WITHIN_MS = 120_000;

const { TEMPORAL_ADDRESS: address = '127.0.0.1:7233', TEMPORAL_NAMESPACE: namespace = 'default' } =
  process.env;
const connection = await Connection.connect({ address, connectTimeout: 5_000 });
const { pollers } = await connection.withDeadline(Date.now() + 5_000, () =>
  connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: MAIN_QUEUE },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  }),
);
await connection.close();
const ours = pollers?.some(
  ({ identity, lastAccessTime }) =>
    identity?.endsWith(`@${hostname()}`) &&
    Date.now() - Number(lastAccessTime?.seconds ?? 0) * 1000 < SEEN_WITHIN_MS,
);
if (!ours) {
  console.error(`Nobody on ${hostname()} asks Temporal at ${address} for work on the queue "${MAIN_QUEUE}".`);
  process.exitCode = 1;
}
