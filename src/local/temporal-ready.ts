import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { BackgroundProcess } from './background-process.ts';
import { poll } from './poll.ts';

const READY_WITHIN_MS = 60_000;
/** gRPC would wait longer after each failure, up to two minutes: a server that takes its time would be found much later still. */
const CONNECT_AGAIN_MS = 250;

const types = {
  Text: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_TEXT,
  Keyword: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  KeywordList: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  Int: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_INT,
  Double: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
  Bool: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
  Datetime: proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
} as const;

/** Name and type, as the command line of Temporal writes them: `RollcallTenant: 'Keyword'`. */
export type SearchAttributeTypes = Readonly<Record<string, string>>;

/**
 * Waits until the server describes the namespace and lists the search attributes; an open port is not enough, since
 * the services behind it come up one by one. Throws when the process ends first or 60 s pass.
 */
export async function untilTemporalAnswers(options: {
  readonly address: string;
  readonly namespace: string;
  readonly searchAttributes: SearchAttributeTypes;
  readonly signal: AbortSignal | undefined;
  readonly server: BackgroundProcess;
}): Promise<void> {
  const { address, namespace, searchAttributes, signal, server } = options;
  const connection = Connection.lazy({
    address,
    channelArgs: {
      'grpc.initial_reconnect_backoff_ms': CONNECT_AGAIN_MS,
      'grpc.max_reconnect_backoff_ms': CONNECT_AGAIN_MS,
    },
  });
  let lastError: unknown;
  const asks = async () => {
    if (server.hasEnded()) throw new Error(`Temporal ended with ${await server.ended}`);
    try {
      return await connection.withDeadline(Date.now() + 2_000, async () => {
        await connection.workflowService.describeNamespace({ namespace });
        return await hasSearchAttributes(connection, namespace, searchAttributes);
      });
    } catch (error) {
      lastError = error;
      return false;
    }
  };
  try {
    if (await poll(asks, READY_WITHIN_MS, signal, 50)) return;
    throw new Error(
      `Temporal at ${address} did not answer for the namespace "${namespace}" with the search attributes ${Object.keys(searchAttributes).join(', ') || '(none)'} within ${READY_WITHIN_MS / 1000} s`,
      { cause: lastError },
    );
  } finally {
    await connection.close();
  }
}

// The command line registers them only when it makes the namespace, so those of a later version are added here.
async function hasSearchAttributes(connection: Connection, namespace: string, wanted: SearchAttributeTypes) {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(wanted).filter(([name]) => customAttributes?.[name] === undefined);
  if (missing.length === 0) return true;
  const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, typeOf(name, type)]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  return false;
}

function typeOf(name: string, type: string) {
  const known = Object.entries(types).find(([each]) => each === type);
  if (known !== undefined) return known[1];
  throw new Error(
    `Search attribute ${name} has the type "${type}"; Temporal knows ${Object.keys(types).join(', ')}.`,
  );
}
