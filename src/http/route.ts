/**
 * A route says everything about itself once: who may call it, what it takes, what it answers and what it does. The
 * server is mounted from these descriptions and the OpenAPI document is written from them, so that they cannot differ.
 */
import type { ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { ClassRef, Database, Tx } from '../db/client.ts';
import { inTenant } from '../db/client.ts';
import type { LiveKitSettings } from '../livekit/keys.ts';
import type { Metrics } from '../metrics.ts';
import type { ClassWorkflows } from '../temporal/class-workflows.ts';
import type { Presence } from '../whiteboard/presence.ts';
import type { AuthConfig, Caller, Role } from './authentication.ts';
import type { CallerLimit } from './caller-limit.ts';
import type { EvidenceBell } from './evidence-bell.ts';
import { answerOnce, answerOnceOutside } from './idempotent.ts';
import type { Live } from './live.ts';
import { parse } from './parse.ts';

export type HttpConfig = AuthConfig &
  Pick<
    Config,
    | 'ROLLCALL_OPEN_LEAD_SECONDS'
    | 'ROLLCALL_POLL_SECONDS'
    | 'ROLLCALL_VERIFY_SECONDS'
    | 'ROLLCALL_GRACE_SECONDS'
    | 'ROLLCALL_WEBHOOKS_TO_PRIVATE_NETWORKS'
  >;

/** What the server works with. */
export interface Deps {
  db: Database;
  workflows: ClassWorkflows;
  config: HttpConfig;
  now: () => number;
  log: Logger;
  metrics: Metrics;
  /** Null: LiveKit is off. */
  livekit: LiveKitSettings | null;
  evidenceBell: EvidenceBell;
  presence: Presence;
  live: Live;
  callerLimit: CallerLimit;
}

export interface RawCall {
  caller: Caller;
  /** The id in the path, if there is one. */
  id: string;
  query: unknown;
  body: unknown;
  ifMatch: string | undefined;
  /** What makes it the same request again under one `Idempotency-Key`. */
  idempotency: { key: string; requestHash: string } | null;
}

export interface Call<Q, B> {
  deps: Deps;
  caller: Caller;
  tenantId: string;
  id: string;
  /** The class that the id in the path stands for. */
  ref: ClassRef;
  query: Q;
  body: B;
  /** What the caller expects to change, as the tag that an answer gave. */
  ifMatch: string | undefined;
}

export interface Answer {
  status: number;
  body: unknown;
  /** Told apart in a header: this answer was given before. */
  replayed?: boolean;
}

/** The effect of a change is committed together with its answer; whoever is to be told is told afterwards. */
export interface Change {
  status: number;
  body: unknown;
  afterCommit?: () => Promise<void>;
}

interface Description<Q extends z.ZodType, B extends z.ZodType> {
  path: string;
  operationId: string;
  tag: string;
  summary: string;
  description?: string;
  roles: readonly Role[];
  query?: Q;
  body?: B;
  bodyLimit?: number;
  /** The body's `etag` is sent as a header too, and an unsafe call looks at If-Match. */
  etag?: true;
  answers: Record<number, { description: string; schema: z.ZodType }>;
}

export interface Route extends Description<z.ZodType, z.ZodType> {
  method: 'get' | 'post' | 'patch' | 'put';
  query: z.ZodType;
  body: z.ZodType;
  bodyLimit: number;
  run(deps: Deps, raw: RawCall): Promise<Answer>;
  /** Instead: takes the response over, and throws only before anything is sent. */
  open?(deps: Deps, raw: RawCall, exchange: Exchange): Promise<void>;
}

export interface Exchange {
  res: ServerResponse;
  lastEventId: string | undefined;
}

const nothing = z.strictObject({});
const BODY_LIMIT = 256 * 1024;

function call<Q extends z.ZodType, B extends z.ZodType>(
  deps: Deps,
  { caller, id, query, body, ifMatch }: RawCall,
  schemas: { query: Q; body: B },
): Call<z.output<Q>, z.output<B>> {
  const { tenantId } = caller;
  return {
    deps,
    caller,
    tenantId,
    id,
    ref: { tenantId, classId: id },
    query: parse(schemas.query, query),
    body: parse(schemas.body, body),
    ifMatch,
  };
}

/** A GET: reads in one transaction and changes nothing. */
export function read<Q extends z.ZodType = typeof nothing>(
  route: Description<Q, z.ZodType> & {
    handle: (tx: Tx, call: Call<z.output<Q>, unknown>) => Promise<unknown>;
  },
): Route {
  const query = (route.query ?? nothing) as Q;
  const body = z.unknown();
  return {
    ...route,
    method: 'get',
    query,
    body,
    bodyLimit: 0,
    async run(deps, raw) {
      const asked = call(deps, raw, { query, body });
      return { status: 200, body: await inTenant(deps.db, asked.tenantId, (tx) => route.handle(tx, asked)) };
    },
  };
}

/** A GET whose answer goes on: server-sent events. */
export function stream(
  route: Description<z.ZodType, z.ZodType> & {
    open: (call: Call<unknown, unknown>, exchange: Exchange) => Promise<void>;
  },
): Route {
  const schemas = { query: nothing, body: z.unknown() };
  return {
    ...route,
    ...schemas,
    method: 'get',
    bodyLimit: 0,
    run: () => Promise.reject(new Error(`${route.operationId} is a stream`)),
    open: (deps, raw, exchange) => route.open(call(deps, raw, schemas), exchange),
  };
}

/** An unsafe call whose effect, answer and `Idempotency-Key` are committed in one transaction. */
export function change<B extends z.ZodType = z.ZodOptional<typeof nothing>>(
  route: Description<z.ZodType, B> & {
    method?: 'post' | 'patch' | 'put';
    handle: (tx: Tx, call: Call<unknown, z.output<B>>) => Promise<Change>;
  },
): Route {
  const body = (route.body ?? nothing.optional()) as B;
  const query = nothing;
  return {
    ...route,
    method: route.method ?? 'post',
    query,
    body,
    bodyLimit: route.bodyLimit ?? BODY_LIMIT,
    async run(deps, raw) {
      const asked = call(deps, raw, { query, body });
      const { afterCommit, ...answer } = await inTenant(deps.db, asked.tenantId, (tx) =>
        answerOnce<Change & Answer>(tx, asked.tenantId, raw.idempotency, () => route.handle(tx, asked)),
      );
      await afterCommit?.();
      return answer;
    },
  };
}

/**
 * A POST that changes nothing and hands something out that is for this caller alone. Its answer is kept nowhere,
 * whatever Idempotency-Key came with it: a repetition gets a new one.
 */
export function issue<B extends z.ZodType>(
  route: Description<z.ZodType, B> & {
    body: B;
    handle: (tx: Tx, call: Call<unknown, z.output<B>>) => Promise<unknown>;
  },
): Route {
  const query = nothing;
  return {
    ...route,
    method: 'post',
    query,
    bodyLimit: route.bodyLimit ?? BODY_LIMIT,
    async run(deps, raw) {
      const asked = call(deps, raw, { query, body: route.body });
      return { status: 200, body: await inTenant(deps.db, asked.tenantId, (tx) => route.handle(tx, asked)) };
    },
  };
}

/** An unsafe call that works outside the database and does no harm when it is repeated. */
export function act<B extends z.ZodType = z.ZodOptional<typeof nothing>>(
  route: Description<z.ZodType, B> & { handle: (call: Call<unknown, z.output<B>>) => Promise<Answer> },
): Route {
  const body = (route.body ?? nothing.optional()) as B;
  const query = nothing;
  return {
    ...route,
    method: 'post',
    query,
    body,
    bodyLimit: BODY_LIMIT,
    async run(deps, raw) {
      const asked = call(deps, raw, { query, body });
      return await answerOnceOutside(deps.db, asked.tenantId, raw.idempotency, () => route.handle(asked));
    },
  };
}
