import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { ATTRIBUTE_TYPES } from '../../workflows/attribute-keys.ts';

const { INDEXED_VALUE_TYPE_KEYWORD, INDEXED_VALUE_TYPE_DATETIME } = temporal.api.enums.v1.IndexedValueType;

/** The search attributes as the API of Temporal wants them. */
export const attributesToAdd = Object.fromEntries(
  Object.entries(ATTRIBUTE_TYPES).map(([name, type]) => [
    name,
    type === 'Datetime' ? INDEXED_VALUE_TYPE_DATETIME : INDEXED_VALUE_TYPE_KEYWORD,
  ]),
);

/** A namespace of one test file's own on the run's Temporal, so that no worker takes the work of another file. */
export async function createTestNamespace(address: string): Promise<string> {
  const connection = await Connection.connect({ address });
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    // The server's parts learn of a new namespace one after the other.
    const deadline = Date.now() + 30_000;
    for (;;) {
      try {
        await connection.operatorService.addSearchAttributes({
          namespace,
          searchAttributes: attributesToAdd,
        });
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await sleep(200);
      }
    }
    return namespace;
  } finally {
    await connection.close();
  }
}
