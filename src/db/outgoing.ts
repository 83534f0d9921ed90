/** What other systems are told, stored with the change that caused it: without the change there is no message, nor the other way. */
import { randomUUID } from 'node:crypto';
import { and, eq, sql } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { readClass } from './plans.ts';
import { type OutgoingEvent, webhookDeliveries, webhookEndpoints, webhookMessages } from './schema.ts';

export const OUTGOING_EVENTS = [
  'class.opened',
  'class.ended',
  'class.settled',
  'attendance.changed',
  'alert.raised',
  'alert.resolved',
] as const satisfies readonly OutgoingEvent[];

/** Stores a message about a class, and a delivery for each endpoint that wants it. `data` comes beside what says which class. */
export async function announce(
  tx: Tx,
  ref: ClassRef,
  event: OutgoingEvent,
  data: Record<string, unknown>,
): Promise<void> {
  await announceIfWanted(tx, ref, event, async () => data);
}

/** As {@link announce}, where finding out what to say takes work: nobody does it when nobody subscribes. */
export async function announceIfWanted(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  event: OutgoingEvent,
  tell: () => Promise<Record<string, unknown>>,
): Promise<void> {
  const wanting = await tx
    .select({ endpointId: webhookEndpoints.id, disabledAt: webhookEndpoints.disabledAt })
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.tenantId, tenantId), sql`${webhookEndpoints.events} ? ${event}`));
  if (wanting.length === 0) return;
  const data = { ...(await classFields(tx, { tenantId, classId })), ...(await tell()) };
  const messageId = randomUUID();
  const payload = { type: event, timestamp: new Date().toISOString(), data };
  await tx.insert(webhookMessages).values({ tenantId, id: messageId, classId, event, payload });
  // One that is disabled gets it with a replay, once it is enabled again.
  const enabled = wanting.filter(({ disabledAt }) => disabledAt === null);
  if (enabled.length === 0) return;
  await tx
    .insert(webhookDeliveries)
    .values(enabled.map(({ endpointId }) => ({ tenantId, messageId, endpointId })));
}

async function classFields(tx: Tx, ref: ClassRef): Promise<Record<string, unknown>> {
  const { row } = await readClass(tx, ref);
  return {
    class_id: row.id,
    external_id: row.externalId,
    subject: row.subject,
    start_time: row.startAt.toISOString(),
    end_time: row.endAt.toISOString(),
    status: row.status,
  };
}
