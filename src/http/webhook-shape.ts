import { z } from 'zod';
import { OUTGOING_EVENTS } from '../db/outgoing.ts';
import type { Endpoint, SentRow } from '../db/webhook-endpoints.ts';
import { iso, isoOrNull, shownInstant } from './fields.ts';

const event = z.enum(OUTGOING_EVENTS);

export const events = z
  .array(event, { error: `must be a list of some of ${OUTGOING_EVENTS.join(', ')}` })
  .min(1, `must name at least one of ${OUTGOING_EVENTS.join(', ')}`)
  .max(OUTGOING_EVENTS.length, 'must name every event once')
  .meta({ description: 'What the endpoint is told' });

const endpoint = {
  id: z.string(),
  url: z.string(),
  events: z.array(event),
  created_at: shownInstant,
  failing_since: shownInstant.nullable().meta({ description: 'No message could be delivered since then' }),
  disabled_at: shownInstant.nullable().meta({ description: 'From then on it is told nothing' }),
  disabled_reason: z.string().nullable(),
};
export const endpointSchema = z.object(endpoint).meta({ id: 'WebhookEndpoint' });

export const newEndpointSchema = z
  .object({
    ...endpoint,
    secret: z.string().meta({
      description:
        'Signs every message, as Standard Webhooks says; shown here, and to a repetition under its Idempotency-Key, and never again',
    }),
  })
  .meta({ id: 'NewWebhookEndpoint' });

export const deliveryStatus = z.enum(['pending', 'delivered', 'failed']);

export const deliverySchema = z
  .object({
    id: z.string(),
    message_id: z.string().meta({ description: 'The webhook-id that the receiver sees' }),
    event,
    class_id: z.string(),
    status: deliveryStatus,
    attempts: z.int(),
    last_status: z.int().nullable().meta({ description: 'HTTP status of the last answer' }),
    last_error: z.string().nullable(),
    created_at: shownInstant,
    ended_at: shownInstant.nullable(),
  })
  .meta({ id: 'WebhookDelivery' });

export function endpointShape(row: Endpoint): z.output<typeof endpointSchema> {
  return {
    id: row.id,
    url: row.url,
    events: row.events,
    created_at: iso(row.createdAt),
    failing_since: isoOrNull(row.failingSince),
    disabled_at: isoOrNull(row.disabledAt),
    disabled_reason: row.disabledReason,
  };
}

export function deliveryShape({ delivery, event: told, classId }: SentRow): z.output<typeof deliverySchema> {
  return {
    id: delivery.id,
    message_id: delivery.messageId,
    event: told,
    class_id: classId,
    status: delivery.status,
    attempts: delivery.attempts,
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
    created_at: iso(delivery.createdAt),
    ended_at: isoOrNull(delivery.endedAt),
  };
}
