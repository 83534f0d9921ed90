/** What the server may ask of Temporal: start the workflow of a class, ring it, fetch now; start a delivery. */
import {
  Client,
  Connection,
  type ConnectionOptions,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { FetchNowResult } from '../../activities/index.ts';
import { CLASS, PHASE, START, TENANT } from '../../workflows/attribute-keys.ts';
import { MAIN_QUEUE } from '../../workflows/queues.ts';
import type { Provider } from '../attendance/facts.ts';
import type { ClassRef } from '../db/client.ts';
import type { DeliveryRef } from '../db/webhook-deliveries.ts';

export type { FetchNowResult };

export interface ClassWorkflows {
  /** Starts the workflow unless it runs already. Throws when Temporal cannot be reached within two seconds. */
  start(ref: ClassRef, startMs: number): Promise<'started' | 'already_started'>;
  /** Rings a running workflow. `false`: there is none, it has ended. Throws when Temporal cannot be reached. */
  ring(ref: ClassRef, bell: 'plan' | 'evidence'): Promise<boolean>;
  /** Fetches the participants of a class at once, through the queue of its provider. */
  fetchNow(ref: ClassRef, provider: Provider): Promise<FetchNowResult>;
  /** Starts the workflow that hands a message over, unless it runs. Throws when Temporal cannot be reached. */
  startDelivery(tenantId: string, deliveryId: string): Promise<'started' | 'already_started'>;
  isReachable(): Promise<boolean>;
  close(): Promise<void>;
}

export const classWorkflowId = ({ tenantId, classId }: ClassRef): string => `class/${tenantId}/${classId}`;
const deliveryWorkflowId = ({ tenantId, deliveryId }: DeliveryRef): string =>
  `webhook/${tenantId}/${deliveryId}`;
const fetchWorkflowId = ({ tenantId, classId }: ClassRef): string => `fetch/${tenantId}/${classId}`;

/** Nobody who calls the API waits longer for Temporal; what was not done then, the sweeper does. */
const PATIENCE_MS = 2_000;
/** gRPC would wait for up to two minutes before it tries again, and a Temporal that is back would not be seen as back. */
const CONNECT_AGAIN_MS = 5_000;
/** A fetch gives up after 30 s by itself. */
const FETCH_PATIENCE_MS = 35_000;

const BELLS = { plan: 'planChanged', evidence: 'evidenceArrived' } as const;

/** Connects when first used, so that a server starts and answers while Temporal is away. */
export function createClassWorkflows(options: ConnectionOptions & { namespace: string }): ClassWorkflows {
  const { namespace, ...connecting } = options;
  const connection = Connection.lazy({
    ...connecting,
    connectTimeout: PATIENCE_MS,
    channelArgs: { 'grpc.max_reconnect_backoff_ms': CONNECT_AGAIN_MS },
  });
  const client = new Client({ connection, namespace });
  const soon = <T>(call: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + PATIENCE_MS, call);

  return {
    async start(ref, startMs) {
      try {
        await soon(() =>
          client.workflow.start('classSession', {
            workflowId: classWorkflowId(ref),
            taskQueue: MAIN_QUEUE,
            args: [{ tenantId: ref.tenantId, classId: ref.classId, phase: 'await-start' }],
            typedSearchAttributes: [
              { key: TENANT, value: ref.tenantId },
              { key: CLASS, value: ref.classId },
              { key: PHASE, value: 'await-start' },
              { key: START, value: new Date(startMs) },
            ],
            staticSummary: `Class ${ref.classId}`,
          }),
        );
        return 'started';
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return 'already_started';
        throw error;
      }
    },

    async ring(ref, bell) {
      try {
        await soon(() => client.workflow.getHandle(classWorkflowId(ref)).signal(BELLS[bell]));
        return true;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },

    async fetchNow(ref, provider) {
      const handle = await soon(() =>
        client.workflow.start('fetchNow', {
          workflowId: fetchWorkflowId(ref),
          taskQueue: MAIN_QUEUE,
          args: [{ tenantId: ref.tenantId, classId: ref.classId, provider }],
          // Two who ask at once get the same answer.
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowRunTimeout: FETCH_PATIENCE_MS,
          staticSummary: `Fetch the participants of class ${ref.classId}`,
        }),
      );
      return await connection.withDeadline(
        Date.now() + FETCH_PATIENCE_MS,
        (): Promise<FetchNowResult> => handle.result(),
      );
    },

    async startDelivery(tenantId, deliveryId) {
      const ref: DeliveryRef = { tenantId, deliveryId };
      try {
        await soon(() =>
          client.workflow.start('deliverWebhook', {
            workflowId: deliveryWorkflowId(ref),
            taskQueue: MAIN_QUEUE,
            args: [ref],
            // One that has ended although the delivery goes on was ended by somebody; it looks first at what is left to do.
            workflowIdReusePolicy: 'ALLOW_DUPLICATE',
            typedSearchAttributes: [{ key: TENANT, value: tenantId }],
            staticSummary: `Message to an endpoint of ${tenantId}`,
          }),
        );
        return 'started';
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return 'already_started';
        throw error;
      }
    },

    async isReachable() {
      try {
        await soon(() => connection.workflowService.getSystemInfo({}));
        return true;
      } catch {
        return false;
      }
    },

    close: () => connection.close(),
  };
}
