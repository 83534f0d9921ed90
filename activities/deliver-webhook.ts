import { ApplicationFailure } from '@temporalio/activity';
import { inTenant } from '../src/db/client.ts';
import {
  type Attempt,
  type DeliveryRef,
  type DeliveryStatus,
  endFailed,
  readDelivery,
  recordAttempt,
} from '../src/db/webhook-deliveries.ts';
import type { Sent } from '../src/outgoing/send-webhook.ts';
import type { ActivityDeps } from './index.ts';

/** The receiver says that it will never take anything again. */
export const GONE = 410;
/** As between two attempts by our own plan: a receiver may ask for patience, not for the end of the three days. */
const LONGEST_WAIT_MS = 4 * 3_600_000;
const SHORTEST_WAIT_MS = 1_000;

/**
 * One attempt to hand a message over. The answer may be lost after the receiver took the message; it is sent again then,
 * under the same id. Throws what has Temporal try again; not, when the receiver is gone for good.
 */
export async function deliverWebhook(
  { db, sendWebhook, now }: Pick<ActivityDeps, 'db' | 'sendWebhook' | 'now'>,
  tenantId: string,
  deliveryId: string,
): Promise<Exclude<DeliveryStatus, 'pending'>> {
  const ref: DeliveryRef = { tenantId, deliveryId };
  const delivery = await inTenant(db, tenantId, (tx) => readDelivery(tx, ref));
  if (delivery === null) return 'failed';
  if (delivery.status !== 'pending') return delivery.status;
  const { endpoint, message } = delivery;
  if (endpoint.disabledAt !== null) {
    await inTenant(db, tenantId, (tx) => endFailed(tx, ref, new Date(now()), 'the endpoint is disabled'));
    return 'failed';
  }
  const { url, secret } = endpoint;
  const sent = await sendWebhook({ url, secret, messageId: message.id, payload: message.payload }, now());
  const attempt = attemptOf(sent);
  await inTenant(db, tenantId, (tx) => recordAttempt(tx, ref, delivery, attempt, new Date(now())));
  if (attempt.error === null) return 'delivered';
  throw failureOf(sent);
}

function attemptOf(sent: Sent): Attempt {
  if (sent.kind === 'failed') return { status: null, error: sent.error };
  const { status } = sent;
  const taken = status >= 200 && status < 300;
  return { status, error: taken ? null : `the receiver answered ${status}` };
}

/** Becomes part of a history, so it says no more than what kind of failure it is. */
function failureOf(sent: Sent): ApplicationFailure {
  if (sent.kind === 'failed') return ApplicationFailure.create({ message: sent.error, type: 'not_sent' });
  const { status, retryAfterMs } = sent;
  const nextRetryDelay =
    retryAfterMs === undefined
      ? undefined
      : Math.min(Math.max(retryAfterMs, SHORTEST_WAIT_MS), LONGEST_WAIT_MS);
  return ApplicationFailure.create({
    message: `the receiver answered ${status}`,
    type: `answered_${status}`,
    nonRetryable: status === GONE,
    ...(nextRetryDelay === undefined ? {} : { nextRetryDelay }),
  });
}
