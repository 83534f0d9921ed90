import { ApplicationFailure } from '@temporalio/activity';
import { inTenant } from '../src/db/client.ts';
import {
  type Attempt,
  type Delivery,
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
/** Between two attempts: 5 s, doubled each time up to four hours. A receiver may ask for more patience, not for less. */
const FIRST_WAIT_MS = 5_000;
export const LONGEST_WAIT_MS = 4 * 3_600_000;
/** Also of a delivery whose workflow had to be started again. */
export const GIVEN_UP_AFTER_MS = 3 * 24 * 3_600_000;
/** At a time by one worker: the slow receivers of one school leave room for the others. */
const MOST_OF_ONE_TENANT = 10;
const BUSY_MS = 5_000;

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
  const sent = await inTurn(tenantId, async () => {
    const { url, secret, previousSecret, previousUntil } = endpoint;
    const changing = previousSecret !== null && previousUntil !== null && previousUntil.getTime() > now();
    const secrets = changing ? [secret, previousSecret] : [secret];
    return await sendWebhook({ url, secrets, messageId: message.id, payload: message.payload }, now());
  });
  const attempt = attemptOf(sent);
  await inTenant(db, tenantId, (tx) => recordAttempt(tx, ref, delivery, attempt, new Date(now())));
  if (attempt.error === null) return 'delivered';
  throw failureOf(sent, delivery, now());
}

function attemptOf(sent: Sent): Attempt {
  if (sent.kind === 'failed') return { status: null, error: sent.error };
  const { status } = sent;
  const taken = status >= 200 && status < 300;
  return { status, error: taken ? null : `the receiver answered ${status}` };
}

/** Becomes part of a history, so it says no more than what kind of failure it is. */
function failureOf(sent: Sent, { attempts, createdAt }: Delivery, nowMs: number): ApplicationFailure {
  const asked = sent.kind === 'answered' ? (sent.retryAfterMs ?? 0) : 0;
  const waitMs = Math.min(Math.max(FIRST_WAIT_MS * 2 ** Math.min(attempts, 30), asked), LONGEST_WAIT_MS);
  const gone = sent.kind === 'answered' && sent.status === GONE;
  return ApplicationFailure.create({
    message: sent.kind === 'failed' ? sent.error : `the receiver answered ${sent.status}`,
    type: sent.kind === 'failed' ? 'not_sent' : `answered_${sent.status}`,
    nonRetryable: gone || nowMs + waitMs - createdAt.getTime() > GIVEN_UP_AFTER_MS,
    nextRetryDelay: waitMs,
  });
}

const underWay = new Map<string, number>();

/** Whoever finds no place comes back in some seconds, and that is no attempt. */
async function inTurn<T>(tenantId: string, send: () => Promise<T>): Promise<T> {
  const before = underWay.get(tenantId) ?? 0;
  if (before >= MOST_OF_ONE_TENANT) {
    throw ApplicationFailure.create({
      message: 'other messages of the school are on their way',
      type: 'busy',
      nextRetryDelay: BUSY_MS * (1 + Math.random()),
    });
  }
  underWay.set(tenantId, before + 1);
  try {
    return await send();
  } finally {
    const left = (underWay.get(tenantId) ?? 1) - 1;
    if (left > 0) underWay.set(tenantId, left);
    else underWay.delete(tenantId);
  }
}
