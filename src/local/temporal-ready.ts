import { Connection } from '@temporalio/client';
import type { BackgroundProcess } from './background-process.ts';
import { poll } from './poll.ts';

const READY_WITHIN_MS = 60_000;

/**
 * Waits until the server describes the namespace and lists the search attributes; an open port is not enough, since
 * the services behind it come up one by one. Throws when the process ends first or 60 s pass.
 */
export async function untilTemporalAnswers(options: {
  readonly address: string;
  readonly namespace: string;
  readonly searchAttributes: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  readonly server: BackgroundProcess;
}): Promise<void> {
  const { address, namespace, searchAttributes, signal, server } = options;
  const connection = Connection.lazy({ address });
  const names = Object.keys(searchAttributes);
  let lastError: unknown;
  const asks = async () => {
    if (server.hasEnded()) throw new Error(`Temporal ended with ${await server.ended}`);
    try {
      return await connection.withDeadline(Date.now() + 2_000, async () => {
        await connection.workflowService.describeNamespace({ namespace });
        const known = await connection.operatorService.listSearchAttributes({ namespace });
        return names.every((name) => known.customAttributes?.[name] !== undefined);
      });
    } catch (error) {
      lastError = error;
      return false;
    }
  };
  try {
    if (await poll(asks, READY_WITHIN_MS, signal, 50)) return;
    const wanted = names.length === 0 ? '' : ` with the search attributes ${names.join(', ')}`;
    throw new Error(
      `Temporal at ${address} did not answer for the namespace "${namespace}"${wanted} within ${READY_WITHIN_MS / 1000} s`,
      { cause: lastError },
    );
  } finally {
    await connection.close();
  }
}
