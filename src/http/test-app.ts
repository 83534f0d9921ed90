/** The server on a port of its own, with a real database, a clock to turn, and a Temporal that only takes notes. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { SignJWT } from 'jose';
import { pino } from 'pino';
import postgres from 'postgres';
import type { Database } from '../db/client.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import type { LiveKitSettings } from '../livekit/keys.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import type { ClassWorkflows, FetchNowResult } from '../temporal/class-workflows.ts';
import type { Presence } from '../whiteboard/presence.ts';
import { createApp } from './app.ts';
import { createCallerLimit } from './caller-limit.ts';
import { isWebSocket, type WhiteboardSockets } from './whiteboard-socket.ts';

export const SECRET = 'a-secret-of-more-than-thirty-two-characters';
export const MINUTE_MS = 60_000;
/** A Monday morning. */
export const START_MS = Date.parse('2026-09-07T09:00:00.000Z');
export const HOUR_BEFORE_MS = START_MS - 60 * MINUTE_MS;
export const at = (ms: number): string => new Date(ms).toISOString();

interface TestTemporal extends ClassWorkflows {
  calls: string[];
  /** What the next calls do instead of succeeding. */
  trouble: 'none' | 'down' | 'silent';
  running: boolean;
  found: FetchNowResult;
}

// biome-ignore lint/suspicious/noExplicitAny: what a test reads from an answer is checked by the test
export type Json = any;

interface TestAnswer {
  status: number;
  headers: Headers;
  body: Json;
}

interface Sent {
  token?: string | null;
  body?: unknown;
  /** Sent as it is. */
  raw?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

export interface TestApp {
  url: string;
  express: Express;
  sockets: WhiteboardSockets;
  presence: Presence;
  db: Database;
  owner: postgres.Sql;
  /** For a server beside it. */
  shared: Pick<TestDatabase, 'db' | 'ownerUrl' | 'drop'>;
  temporal: TestTemporal;
  metrics: Metrics;
  /** Every line of the server's log. */
  logged: string[];
  clock: { nowMs: number };
  /** As an admin of the tenant `school` unless told otherwise. */
  call(method: string, path: string, sent?: Sent): Promise<TestAnswer>;
  count(table: string): Promise<number>;
  stop(): Promise<void>;
}

export async function token(
  claims: Record<string, unknown> = {},
  { expires = '10m', secret = SECRET, alg = 'HS256' } = {},
): Promise<string> {
  const signed = new SignJWT({ sub: 'admin@school.example', tenant: 'school', role: 'admin', ...claims });
  if (expires !== '') signed.setExpirationTime(expires);
  return await signed.setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret));
}

export async function startTestApp({
  livekit = null,
  webhooksToPrivateNetworks = false,
  beside,
  callsPerMinute,
}: {
  livekit?: LiveKitSettings | null;
  webhooksToPrivateNetworks?: boolean;
  /** Another server on the same database, by the same clock. */
  beside?: TestApp;
  callsPerMinute?: number;
} = {}): Promise<TestApp> {
  const { db, ownerUrl, drop } = beside ? beside.shared : await createTestDatabase();
  const owner = postgres(ownerUrl, { max: 1, onnotice: () => {} });
  const clock = beside?.clock ?? { nowMs: HOUR_BEFORE_MS };
  const temporal = takingNotes();
  const metrics = createMetrics();
  const logged: string[] = [];
  const app = createApp({
    db,
    workflows: temporal,
    config: {
      AUTH_JWT_SECRET: SECRET,
      ROLLCALL_OPEN_LEAD_SECONDS: 60,
      ROLLCALL_POLL_SECONDS: 180,
      ROLLCALL_VERIFY_SECONDS: 120,
      ROLLCALL_GRACE_SECONDS: 300,
      ROLLCALL_WEBHOOKS_TO_PRIVATE_NETWORKS: webhooksToPrivateNetworks,
    },
    now: () => clock.nowMs,
    log: pino({ level: 'trace' }, { write: (line) => logged.push(line) }),
    metrics,
    livekit,
    ...(callsPerMinute !== undefined && { callerLimit: createCallerLimit(callsPerMinute) }),
  });
  const server = createServer({ shouldUpgradeCallback: isWebSocket }, app.listener);
  server.on('upgrade', (req, socket, head) => void app.sockets.upgrade(req, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const admin = await token();
  return {
    url,
    express: app.express,
    sockets: app.sockets,
    presence: app.presence,
    db,
    owner,
    shared: { db, ownerUrl, drop: async () => {} },
    temporal,
    metrics,
    logged,
    clock,
    async call(method, path, { token: given = admin, body, raw, headers = {} } = {}) {
      const payload = raw ?? (body === undefined ? null : JSON.stringify(body));
      const answer = await fetch(url + path, {
        method,
        headers: {
          ...(given === null ? {} : { authorization: `Bearer ${given}` }),
          ...(payload === null ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: payload,
      });
      const text = await answer.text();
      const isJson = answer.headers.get('content-type')?.includes('json') === true;
      return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
    },
    async count(table) {
      // As the owner of the tables, whom forced row security holds off too unless it is a superuser, as here.
      const [row] = await owner`select count(*)::integer as n from ${owner(table)}`;
      return row?.n ?? -1;
    },
    async stop() {
      await Promise.all([app.live.stop(), app.sockets.stop()]);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await owner.end();
      await drop();
    },
  };
}

function takingNotes(): TestTemporal {
  const temporal: TestTemporal = {
    calls: [],
    trouble: 'none',
    running: true,
    found: { ok: true, present: 2, participants: 3, conferences: 1 },
    start: ({ tenantId, classId }) => note(`start ${tenantId}/${classId}`, 'started' as const),
    ring: ({ tenantId, classId }, bell) => note(`${bell} ${tenantId}/${classId}`, temporal.running),
    fetchNow: ({ tenantId, classId }) => note(`fetch ${tenantId}/${classId}`, temporal.found),
    startDelivery: (tenantId, id) => note(`deliver ${tenantId}/${id}`, 'started' as const),
    isReachable: async () => temporal.trouble === 'none',
    close: async () => {},
  };
  async function note<T>(call: string, answer: T): Promise<T> {
    temporal.calls.push(call);
    if (temporal.trouble === 'down') throw new Error('14 UNAVAILABLE: no connection');
    if (temporal.trouble === 'silent') return await new Promise<T>(() => {});
    return answer;
  }
  return temporal;
}

/** A class of forty minutes on Monday morning, as a client asks for it. */
export const lesson = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  teacher_email: 'Teacher@school.example',
  student_emails: ['amal@school.example', 'basil@school.example'],
  subject: 'Algebra',
  start_time: at(START_MS),
  duration_minutes: 40,
  ...change,
});
