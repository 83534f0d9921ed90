/** One message on its way to one endpoint: what came of each attempt, and how it ended. */
import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import type { Tx } from './client.ts';
import { webhookDeliveries, webhookEndpoints, webhookMessages } from './schema.ts';

export type DeliveryStatus = (typeof webhookDeliveries.$inferSelect)['status'];

/** Plain data: part of the workflow's history. */
export interface DeliveryRef {
  tenantId: string;
  deliveryId: string;
}

export interface Delivery {
  status: DeliveryStatus;
  attempts: number;
  createdAt: Date;
  lastStatus: number | null;
  message: typeof webhookMessages.$inferSelect;
  endpoint: typeof webhookEndpoints.$inferSelect;
}

const ofDelivery = ({ tenantId, deliveryId }: DeliveryRef) =>
  and(eq(webhookDeliveries.tenantId, tenantId), eq(webhookDeliveries.id, deliveryId));

/** Nothing happens any more to a delivery that has ended. */
const underWay = (ref: DeliveryRef) => and(ofDelivery(ref), eq(webhookDeliveries.status, 'pending'));

const ofEndpoint = ({ tenantId, id }: Delivery['endpoint']) =>
  and(eq(webhookEndpoints.tenantId, tenantId), eq(webhookEndpoints.id, id));

export async function readDelivery(tx: Tx, ref: DeliveryRef): Promise<Delivery | null> {
  const [found] = await tx
    .select({ delivery: webhookDeliveries, message: webhookMessages, endpoint: webhookEndpoints })
    .from(webhookDeliveries)
    .innerJoin(
      webhookMessages,
      and(
        eq(webhookMessages.tenantId, webhookDeliveries.tenantId),
        eq(webhookMessages.id, webhookDeliveries.messageId),
      ),
    )
    .innerJoin(
      webhookEndpoints,
      and(
        eq(webhookEndpoints.tenantId, webhookDeliveries.tenantId),
        eq(webhookEndpoints.id, webhookDeliveries.endpointId),
      ),
    )
    .where(ofDelivery(ref));
  if (!found) return null;
  const { delivery, message, endpoint } = found;
  const { status, attempts, createdAt, lastStatus } = delivery;
  return { status, attempts, createdAt, lastStatus, message, endpoint };
}

/** What came of an attempt. `error` null: the receiver has it. */
export interface Attempt {
  status: number | null;
  error: string | null;
}

export async function recordAttempt(
  tx: Tx,
  ref: DeliveryRef,
  { endpoint }: Delivery,
  { status, error }: Attempt,
  at: Date,
): Promise<void> {
  await tx
    .update(webhookDeliveries)
    .set({
      attempts: sql`${webhookDeliveries.attempts} + 1`,
      lastStatus: status,
      lastError: error,
      startedAt: sql`now()`,
      ...(error === null ? { status: 'delivered' as const, endedAt: at } : {}),
    })
    .where(underWay(ref));
  const { failingSince } = webhookEndpoints;
  await tx
    .update(webhookEndpoints)
    .set({ failingSince: error === null ? null : at })
    .where(and(ofEndpoint(endpoint), error === null ? isNotNull(failingSince) : isNull(failingSince)));
}

/** The delivery has failed; with `error` for another reason than its last attempt. */
export async function endFailed(tx: Tx, ref: DeliveryRef, at: Date, error?: string): Promise<void> {
  await tx
    .update(webhookDeliveries)
    .set({ status: 'failed', endedAt: at, ...(error === undefined ? {} : { lastError: error }) })
    .where(underWay(ref));
}

/**
 * From now on the endpoint is told nothing, unless it was disabled, led elsewhere or took something since it was read.
 * Answers whether it was disabled by this.
 */
export async function disableEndpoint(
  tx: Tx,
  endpoint: Delivery['endpoint'],
  reason: string,
  at: Date,
): Promise<boolean> {
  const { failingSince, url } = endpoint;
  const disabled = await tx
    .update(webhookEndpoints)
    .set({ disabledAt: at, disabledReason: reason })
    .where(
      and(
        ofEndpoint(endpoint),
        isNull(webhookEndpoints.disabledAt),
        eq(webhookEndpoints.url, url),
        failingSince === null
          ? isNull(webhookEndpoints.failingSince)
          : eq(webhookEndpoints.failingSince, failingSince),
      ),
    )
    .returning({ id: webhookEndpoints.id });
  return disabled.length > 0;
}

/** Its workflow has been started, or runs. */
export async function noteDeliveryStarted(tx: Tx, ref: DeliveryRef): Promise<void> {
  await tx.update(webhookDeliveries).set({ startedAt: sql`now()` }).where(underWay(ref));
}
