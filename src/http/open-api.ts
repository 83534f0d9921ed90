import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi';
import type { Route } from './route.ts';

export type OpenApiDocument = ReturnType<typeof createDocument>;

const problem = z
  .object({
    type: z.string().meta({ description: 'Stable; names the kind of problem' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'For bad input: each wrong field and what would be accepted' }),
  })
  .loose()
  .meta({ id: 'Problem' });

const PROBLEMS: Record<number, string> = {
  400: 'Broken JSON, text that is not UTF-8, or a path that cannot be read',
  401: 'No token, or one that is not valid',
  403: 'The role of the token may not do that, or its tenant does not exist',
  404: "It is not there, or it is another tenant's or not one's own",
  409: 'The present state does not allow it',
  412: 'If-Match names another tag than the present one; the body tells what stands',
  413: 'The body is too large',
  415: 'The body is not application/json',
  422: 'Wrong, missing or unknown fields, or an Idempotency-Key of another request',
  428: 'It would overwrite what somebody else decided, and says with no If-Match that it has seen it',
  429: 'Too many requests',
  503: 'The database or Temporal cannot be reached; nothing was done; see Retry-After',
};

/** The contract, out of the very schemas that validate. */
export function openApiDocument(routes: readonly Route[]): OpenApiDocument {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: operation(route) };
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Rollcall',
      version: '0.1.0',
      description: 'Decides who attended online classes, for how long, and can show why.',
    },
    security: [{ bearer: [] }],
    paths: { ...paths, ...OPEN_PATHS },
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'Claims: sub (person id or e-mail), tenant, role, exp',
        },
      },
    },
  });
}

function operation(route: Route): ZodOpenApiOperationObject {
  const roles = `Roles: ${route.roles.join(', ')}${route.roles.includes('teacher') ? ' (their own classes)' : ''}.`;
  const unsafe = route.method !== 'get';
  const parameter = /\{(\w+)\}/.exec(route.path)?.[1];
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    description: route.description === undefined ? roles : `${route.description}\n\n${roles}`,
    requestParams: {
      ...(parameter === undefined ? {} : { path: z.object({ [parameter]: z.uuid() }) }),
      ...(unsafe
        ? {
            header: z.object({
              'Idempotency-Key': idempotencyKey,
              ...(route.etag ? { 'If-Match': ifMatch } : {}),
            }),
          }
        : { query: route.query as z.ZodObject }),
    },
    ...(unsafe ? { requestBody: { required: !route.body.isOptional(), content: json(route.body) } } : {}),
    responses: { ...answersOf(route), ...problemsOf(route, unsafe) },
  };
}

const idempotencyKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/)
  .optional()
  .meta({ description: 'The same key with the same request gets the first answer again' });

const ifMatch = z
  .string()
  .optional()
  .meta({ description: 'The ETag of what is to be changed, or * for whatever is there' });

const etagHeader = { headers: z.object({ ETag: z.string().meta({ description: 'For If-Match' }) }) };

const json = (schema: z.ZodType) => ({ 'application/json': { schema } });

function answersOf({ answers, etag, open: goesOn }: Route): ZodOpenApiOperationObject['responses'] {
  const entries = Object.entries(answers).map(([status, { description, schema }]) => [
    status,
    {
      description,
      content: goesOn ? { 'text/event-stream': { schema } } : json(schema),
      ...(etag ? etagHeader : {}),
    },
  ]);
  return Object.fromEntries(entries);
}

function problemsOf(route: Route, unsafe: boolean): ZodOpenApiOperationObject['responses'] {
  const has = (status: number): boolean => {
    if (status === 409) return unsafe || route.path.includes('{');
    if (status === 413 || status === 415) return unsafe;
    if (status === 412 || status === 428) return unsafe && route.etag === true;
    return status === 404 ? route.path.includes('{') : true;
  };
  const entries = Object.entries(PROBLEMS)
    .filter(([status]) => has(Number(status)))
    .map(([status, description]) => [
      status,
      { description, content: { 'application/problem+json': { schema: problem } } },
    ]);
  return Object.fromEntries(entries);
}

const open = (operationId: string, summary: string, type: string, schema: z.ZodType) => ({
  get: {
    operationId,
    tags: ['server'],
    summary,
    security: [],
    responses: { '200': { description: summary, content: { [type]: { schema } } } },
  },
});

const readiness = z.object({
  status: z.enum(['ready', 'not_ready']),
  database: z.enum(['up', 'down']),
  temporal: z.enum(['up', 'down']),
});

const ready = open('readiness', 'Can this server work: database and Temporal', 'application/json', readiness);

/** What answers without a token. */
const OPEN_PATHS: ZodOpenApiPathsObject = {
  '/healthz': open(
    'liveness',
    'The process is alive',
    'application/json',
    z.object({ status: z.literal('ok') }),
  ),
  '/readyz': {
    get: {
      ...ready.get,
      responses: {
        ...ready.get.responses,
        '503': { description: 'Something it needs cannot be reached', content: json(readiness) },
      },
    },
  },
  '/metrics': open('metrics', 'Prometheus figures', 'text/plain', z.string()),
  '/webhooks/livekit': {
    post: {
      operationId: 'receiveLiveKitWebhook',
      tags: ['evidence'],
      summary: 'A delivery of LiveKit',
      description:
        'Signed by LiveKit: the Authorization header is its token, without "Bearer", with the hash of the raw body. Committed before the 200. What cannot be stored now is answered 503, which LiveKit repeats.',
      security: [],
      requestParams: { header: z.object({ Authorization: z.string() }) },
      requestBody: { required: true, content: { 'application/webhook+json': { schema: z.looseObject({}) } } },
      responses: {
        '200': {
          description:
            'Committed: as evidence, as a repetition that changes nothing, or set aside (GET /api/set-aside)',
          content: json(z.object({ stored: z.enum(['accepted', 'duplicate', 'set_aside']) })),
        },
        ...Object.fromEntries(
          ([401, 413, 503] as const).map((status) => [
            String(status),
            {
              description: PROBLEMS[status] ?? '',
              content: { 'application/problem+json': { schema: problem } },
            },
          ]),
        ),
      },
    },
  },
  '/openapi.json': open('contract', 'This document', 'application/json', z.looseObject({})),
  '/docs': open('docs', 'This document as pages', 'text/html', z.string()),
};
