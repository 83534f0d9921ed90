import {
  Client,
  Connection,
  isGrpcCancelledError,
  isGrpcDeadlineError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { SessionStatus } from '../../workflows/messages.ts';
import type { Config } from '../config.ts';
import type { ClassRef } from '../db/client.ts';
import { readAddresses } from '../local/addresses.ts';
import { classWorkflowId } from '../temporal/class-workflows.ts';
import { temporalOptions } from '../temporal/connection-options.ts';
import { dataDir } from './data-dir.ts';

export type WorkflowState =
  | { state: 'answers'; status: SessionStatus }
  /** It is there, and told nothing: it has ended, or no worker is there to answer for it. */
  | { state: 'silent'; run: string; reason: string | null }
  /** Temporal knows of none, or has forgotten it. */
  | { state: 'none' }
  | { state: 'unreachable'; reason: string };

export interface WorkflowLook {
  of(ref: ClassRef): Promise<WorkflowState>;
  close(): Promise<void>;
}

type TemporalConfig = Pick<Config, Extract<keyof Config, `TEMPORAL_${string}`>>;

/** A screen that refreshes every second must not wait longer for Temporal. */
const PATIENCE_MS = 2_000;

/** Asks Temporal by the environment, else that of the local mode that runs. Connects when first asked. */
export async function createWorkflowLook(env: NodeJS.ProcessEnv): Promise<WorkflowLook> {
  const address = env.TEMPORAL_ADDRESS || readAddresses(dataDir(env))?.temporalAddress;
  if (address === undefined) {
    const reason = 'TEMPORAL_ADDRESS is not set, and no local mode runs';
    return { of: async () => ({ state: 'unreachable', reason }), close: async () => {} };
  }
  const wanted: TemporalConfig = {
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: env.TEMPORAL_NAMESPACE || 'default',
    TEMPORAL_API_KEY: env.TEMPORAL_API_KEY || undefined,
    TEMPORAL_TLS_CERT: env.TEMPORAL_TLS_CERT || undefined,
    TEMPORAL_TLS_KEY: env.TEMPORAL_TLS_KEY || undefined,
    TEMPORAL_TLS_CA: env.TEMPORAL_TLS_CA || undefined,
  };
  // What server and worker want besides is not looked at.
  const { namespace, ...connecting } = await temporalOptions(wanted as Config);
  const connection = Connection.lazy({ ...connecting, connectTimeout: PATIENCE_MS });
  const client = new Client({ connection, namespace });
  const soon = <T>(call: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + PATIENCE_MS, call);

  return {
    async of(ref) {
      const workflow = client.workflow.getHandle(classWorkflowId(ref));
      let run: string;
      try {
        run = (await soon(() => workflow.describe())).status.name.toLowerCase();
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return { state: 'none' };
        return { state: 'unreachable', reason: `Temporal at ${address}: ${reasonOf(error)}` };
      }
      if (run !== 'running') return { state: 'silent', run, reason: null };
      try {
        return { state: 'answers', status: await soon(() => workflow.query<SessionStatus>('status')) };
      } catch (error) {
        return { state: 'silent', run, reason: `no worker answers for it: ${reasonOf(error)}` };
      }
    },
    close: () => connection.close(),
  };
}

function reasonOf(error: unknown): string {
  // Which of the two it is depends on who notices first that the time is over: the client or the connection.
  if (isGrpcDeadlineError(error) || isGrpcCancelledError(error))
    return `no answer within ${PATIENCE_MS / 1_000} s`;
  if (!(error instanceof Error)) return String(error);
  // What Temporal's client throws says what it did; its cause says why that failed.
  return error.cause instanceof Error ? error.cause.message : error.message;
}
