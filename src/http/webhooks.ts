/** Endpoints of other systems that are told what happens (https://www.standardwebhooks.com). */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Tx } from '../db/client.ts';
import {
  changeEndpoint,
  createEndpoint,
  type Endpoint,
  hasEnabled,
  listDeliveries,
  listEndpoints,
  readEndpoint,
  replayOne,
  replaySince,
  rotateSecret,
} from '../db/webhook-endpoints.ts';
import { whatIsWrongWith } from '../outgoing/receiver-url.ts';
import { cursorMs, pageOf, readCursor, writeCursor } from './cursor.ts';
import { instant, page, uuid } from './fields.ts';
import { listOf } from './list-schema.ts';
import { parse } from './parse.ts';
import { invalid, notFound, Problem } from './problem.ts';
import { change, type Deps, type Route, read } from './route.ts';
import {
  deliverySchema,
  deliveryShape,
  deliveryStatus,
  endpointSchema,
  endpointShape,
  events,
  newEndpointSchema,
} from './webhook-shape.ts';

const tag = 'webhooks';
const roles = ['admin', 'service'] as const;

/** Of a school, enabled: each is told of everything, and nobody has so many systems. */
const MOST_ENDPOINTS = 20;
/** While a receiver changes over to a new secret, messages are signed with both. */
const BOTH_SECRETS_MS = 24 * 3_600_000;
/** Each becomes a workflow; whoever needs more asks again. */
const MOST_REPLAYED = 1_000;

const url = z
  .string()
  .max(2_000, 'must have at most 2,000 characters')
  .meta({ format: 'uri', example: 'https://school.example/rollcall' });

const newEndpoint = z.strictObject({ url, events }).meta({ id: 'CreateWebhookEndpoint' });
const changedEndpoint = z
  .strictObject({
    url: url.optional(),
    events: events.optional(),
    enabled: z
      .boolean()
      .optional()
      .meta({ description: 'true clears the notice; false stops what is on its way too' }),
  })
  .meta({ id: 'ChangeWebhookEndpoint' });

const ONE_OF = 'must be given, or since, and not both';
const replay = z
  .strictObject({
    delivery_id: uuid.optional(),
    since: instant.optional().meta({ description: 'Every message since then that it subscribes to now' }),
    cursor: z.string().optional().meta({ description: 'With the same since: goes on where an answer ended' }),
  })
  .refine(({ delivery_id: one, since }) => (one === undefined) !== (since === undefined), {
    error: ONE_OF,
    path: ['delivery_id'],
  })
  .meta({ id: 'ReplayWebhooks' });

const position = z.tuple([cursorMs, z.uuid()]);
const positionIn = (list: string, cursor: string | undefined) => {
  const after = readCursor(list, position, cursor);
  return after === null ? null : { createdMs: after[0], id: after[1] };
};

export const webhookRoutes: readonly Route[] = [
  withReachableUrl(
    change({
      path: '/api/webhooks',
      operationId: 'createWebhookEndpoint',
      tag,
      summary: 'Name an address that is told what happens',
      description:
        'Messages follow https://www.standardwebhooks.com. Each is sent until it is answered with 2xx, ever more slowly for three days; one may come twice, with the same webhook-id. An endpoint that took nothing for three days, or answered 410, is disabled.',
      roles,
      body: newEndpoint,
      answers: { 201: { description: 'The endpoint and its secret', schema: newEndpointSchema } },
      async handle(tx, { tenantId, caller, deps, body }) {
        await mayHaveOneMore(tx, tenantId);
        const secret = newSecret();
        const made = await createEndpoint(tx, {
          tenantId,
          url: new URL(body.url).href,
          events: [...new Set(body.events)],
          secret,
          createdBy: caller.sub,
          createdAt: new Date(deps.now()),
        });
        return { status: 201, body: { ...endpointShape(made), secret } };
      },
    }),
  ),
  read({
    path: '/api/webhooks',
    operationId: 'listWebhookEndpoints',
    tag,
    summary: 'Who is told, and whether it can be',
    roles,
    query: z.strictObject(page),
    answers: { 200: { description: 'A page of endpoints', schema: listOf(endpointSchema) } },
    async handle(tx, { tenantId, query: { limit, cursor } }) {
      const after = positionIn('webhooks', cursor);
      const rows = await listEndpoints(tx, tenantId, { after, limit: limit + 1 });
      return pageOf(rows, limit, endpointShape, ({ createdAt, id }) =>
        writeCursor('webhooks', [createdAt.getTime(), id]),
      );
    },
  }),
  withReachableUrl(
    change({
      path: '/api/webhooks/{webhook_id}',
      method: 'patch',
      operationId: 'changeWebhookEndpoint',
      tag,
      summary: 'Change address or events, disable, or enable again',
      roles,
      body: changedEndpoint,
      answers: { 200: { description: 'The endpoint', schema: endpointSchema } },
      async handle(tx, { tenantId, id, deps, body }) {
        const given = {
          url: body.url === undefined ? undefined : new URL(body.url).href,
          events: body.events && [...new Set(body.events)],
          enabled: body.enabled,
        };
        if (given.enabled === true && (await knownEndpoint(tx, tenantId, id)).disabledAt !== null)
          await mayHaveOneMore(tx, tenantId);
        const changed = await changeEndpoint(tx, tenantId, id, given, new Date(deps.now()));
        if (changed === null) throw notFound('webhook endpoint');
        return { status: 200, body: endpointShape(changed) };
      },
    }),
  ),
  change({
    path: '/api/webhooks/{webhook_id}/rotate',
    operationId: 'rotateWebhookSecret',
    tag,
    summary: 'Give it a new secret',
    description:
      'For a day messages are signed with the old secret too, so that the receiver can change over.',
    roles,
    body: z.strictObject({}).optional().meta({ id: 'RotateWebhookSecret' }),
    answers: { 200: { description: 'The endpoint and its new secret', schema: newEndpointSchema } },
    async handle(tx, { tenantId, id, deps }) {
      const secret = newSecret();
      const previousUntil = new Date(deps.now() + BOTH_SECRETS_MS);
      const changed = await rotateSecret(tx, tenantId, id, { secret, previousUntil });
      if (changed === null) throw notFound('webhook endpoint');
      return { status: 200, body: { ...endpointShape(changed), secret } };
    },
  }),
  read({
    path: '/api/webhooks/{webhook_id}/deliveries',
    operationId: 'listWebhookDeliveries',
    tag,
    summary: 'What was sent, and what came of it',
    roles,
    query: z.strictObject({ ...page, status: deliveryStatus.optional() }),
    answers: {
      200: { description: 'A page of deliveries, the latest first', schema: listOf(deliverySchema) },
    },
    async handle(tx, { tenantId, id, query: { limit, cursor, status } }) {
      await knownEndpoint(tx, tenantId, id);
      const after = positionIn('webhook-deliveries', cursor);
      const rows = await listDeliveries(tx, tenantId, id, { status, after, limit: limit + 1 });
      return pageOf(rows, limit, deliveryShape, ({ delivery }) =>
        writeCursor('webhook-deliveries', [delivery.createdAt.getTime(), delivery.id]),
      );
    },
  }),
  change({
    path: '/api/webhooks/{webhook_id}/replay',
    operationId: 'replayWebhooks',
    tag,
    summary: 'Send messages again',
    description: `New deliveries of the same messages, with the same webhook-id; at most ${MOST_REPLAYED} at once, the oldest first.`,
    roles,
    body: replay,
    answers: {
      200: {
        description: 'How many are sent again',
        schema: z
          .object({
            count: z.int(),
            next_cursor: z.string().nullable().meta({ description: 'To go on with; null when that was all' }),
          })
          .meta({ id: 'ReplayedWebhooks' }),
      },
    },
    async handle(tx, { tenantId, id, body }) {
      const endpoint = await knownEndpoint(tx, tenantId, id);
      if (endpoint.disabledAt !== null)
        throw new Problem('conflict', 'the endpoint is disabled; enable it before anything is sent again');
      if (body.delivery_id !== undefined) {
        if (!(await replayOne(tx, tenantId, id, body.delivery_id)))
          throw invalid({ field: 'delivery_id', message: 'must be the id of a delivery to this endpoint' });
        return { status: 200, body: { count: 1, next_cursor: null } };
      }
      if (body.since === undefined) throw invalid({ field: 'delivery_id', message: ONE_OF });
      const from = { since: new Date(body.since), after: positionIn(REPLAY, body.cursor) };
      const { count, next } = await replaySince(tx, endpoint, from, MOST_REPLAYED);
      const cursor = next === null ? null : writeCursor(REPLAY, [next.createdMs, next.id]);
      return { status: 200, body: { count, next_cursor: cursor } };
    },
  }),
];

const REPLAY = 'webhook-replay';

const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

async function mayHaveOneMore(tx: Tx, tenantId: string): Promise<void> {
  if (!(await hasEnabled(tx, tenantId, MOST_ENDPOINTS))) return;
  throw new Problem(
    'conflict',
    `there are ${MOST_ENDPOINTS} endpoints, which is the most; disable one first`,
  );
}

async function knownEndpoint(tx: Tx, tenantId: string, id: string): Promise<Endpoint> {
  const endpoint = await readEndpoint(tx, tenantId, id);
  if (endpoint === null) throw notFound('webhook endpoint');
  return endpoint;
}

/** The name is looked up before the transaction begins: while a name server keeps us waiting, no connection waits with us. */
function withReachableUrl(route: Route): Route {
  return {
    ...route,
    async run(deps: Deps, raw) {
      const given = parse(route.body, raw.body) as { url?: string };
      const toPrivateNetworks = deps.config.ROLLCALL_WEBHOOKS_TO_PRIVATE_NETWORKS;
      const wrong = given.url === undefined ? null : await whatIsWrongWith(given.url, { toPrivateNetworks });
      if (wrong !== null) throw invalid({ field: 'url', message: wrong });
      return await route.run(deps, raw);
    },
  };
}
