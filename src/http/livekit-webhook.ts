/**
 * `POST /webhooks/livekit`: verified, committed, acknowledged, and nothing else; what follows from it happens after the
 * answer. It sits before Express, whose way through costs as much as the insert. LiveKit tries five times within about
 * 15 s, keeps one request in flight for each room, and takes any 4xx for delivered: what is not stored is a 503.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database } from '../db/client.ts';
import { createGroupCommit } from '../ingest/group-commit.ts';
import { type SignedDelivery, type StoredDelivery, storeDeliveries } from '../ingest/store-deliveries.ts';
import type { LiveKitKey } from '../livekit/keys.ts';
import { type Delivery, readDelivery } from '../livekit/read-webhook.ts';
import { signatureCheck } from '../livekit/webhook-signature.ts';
import { loggable } from '../loggable.ts';
import type { Metrics } from '../metrics.ts';
import { Problem, problemBody, problemStatus, tryAgain } from './problem.ts';
import type { RoomNews } from './room-news.ts';

export const LIVEKIT_WEBHOOK_PATH = '/webhooks/livekit';

export interface LiveKitWebhook {
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Resolves when everything that was taken in is committed or refused. */
  drained(): Promise<void>;
}

interface WebhookDeps {
  db: Database;
  keys: readonly LiveKitKey[];
  now: () => number;
  log: Logger;
  metrics: Metrics;
  news: RoomNews;
}

/** Read so that a signed delivery that is too large can be kept as such; what is larger is not read. */
const MOST_BYTES = 1024 * 1024;
/** PostgreSQL stores a batch of a hundred in a few milliseconds: more than these would wait longer than a repetition is worth. */
const MOST_WAITING = 400;
/**
 * A refusal is not given at once: whoever has one request in flight for each room sends the next that much later, and
 * refusing takes nothing from those that are taken.
 */
const REFUSED_AFTER_MS = 30;
const ROWS_PER_COMMIT = 100;
const COMMITS_IN_FLIGHT = 4;
/** So many people in so many classes: the memory of who is registered stays small. */
const MOST_REGISTERED = 50_000;
const WARN_EVERY_MS = 60_000;

export function createLiveKitWebhook({ db, keys, now, log, metrics, news }: WebhookDeps): LiveKitWebhook {
  const check = signatureCheck(keys);
  const registered = boundedSet(MOST_REGISTERED);
  const commits = createGroupCommit<SignedDelivery, StoredDelivery>({
    write: (rows) => storeDeliveries(db, rows, registered),
    mostRows: ROWS_PER_COMMIT,
    mostInFlight: COMMITS_IN_FLIGHT,
  });
  let taken = 0;
  let warnedMs = Number.NEGATIVE_INFINITY;

  /** An operator must hear of a wrong key; nobody needs ten thousand lines about one. */
  const warn = (failure: unknown, message: string): void => {
    const nowMs = performance.now();
    if (nowMs - warnedMs < WARN_EVERY_MS) return;
    warnedMs = nowMs;
    log.warn({ failure }, message);
  };

  const take = async (req: IncomingMessage): Promise<[Delivery, StoredDelivery]> => {
    const body = await bodyOf(req);
    const signature = await check(authorizationOf(req), body);
    if (!signature.ok) throw new Problem('not-authenticated', `not signed by LiveKit: ${signature.reason}`);
    const delivery = readDelivery(body, now());
    return [delivery, await commits.submit({ delivery, keyTenant: signature.key.tenantId })];
  };

  return {
    drained: commits.drained,
    async handle(req, res) {
      const startedMs = performance.now();
      const answered = (outcome: string): void => {
        metrics.webhookSeconds.observe({ outcome }, (performance.now() - startedMs) / 1_000);
      };
      if (taken >= MOST_WAITING) {
        await sleep(REFUSED_AFTER_MS);
        refuse(req, res, tryAgain('more deliveries are waiting than can be stored in time', 1));
        answered('overloaded');
        return;
      }
      taken++;
      try {
        const [delivery, stored] = await take(req);
        res.writeHead(200, JSON_HEADERS).end(ANSWERS[stored.as]);
        answered(stored.as);
        news.tell(delivery, stored);
      } catch (error) {
        const problem = problemOf(error);
        refuse(req, res, problem);
        answered(problem.code);
        warn(loggable(error), `a delivery of LiveKit was answered with ${problemStatus(problem.code)}`);
      } finally {
        taken--;
      }
    },
  };
}

const JSON_HEADERS = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
const ANSWERS: Readonly<Record<StoredDelivery['as'], string>> = {
  accepted: '{"stored":"accepted"}',
  duplicate: '{"stored":"duplicate"}',
  set_aside: '{"stored":"set_aside"}',
};

/** Whatever it was: it is not stored, so LiveKit must send it again. */
function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : tryAgain('the delivery could not be stored', 1, error);
}

function refuse(req: IncomingMessage, res: ServerResponse, problem: Problem): void {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(problemStatus(problem.code), {
    'Content-Type': 'application/problem+json',
    ...problem.extra.headers,
    // What was not read of the body stays unread.
    ...(req.complete ? {} : { Connection: 'close' }),
  });
  res.end(JSON.stringify(problemBody(problem)));
}

/** Two headers are as good as none: which of them would be checked? */
function authorizationOf({ headers, rawHeaders }: IncomingMessage): string | undefined {
  let given = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === 'authorization') given++;
  }
  return given === 1 ? headers.authorization : undefined;
}

/** By events, which cost less than an iterator over the request: this is done for every delivery. */
function bodyOf(req: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_BYTES) chunks.push(chunk);
    else reject(new Problem('body-too-large', `the body is larger than ${MOST_BYTES} bytes`));
  });
  req.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  req.on('error', reject);
  // Cut off in its middle: there is neither an end nor always an error.
  req.on('close', () => {
    if (!req.complete) reject(new Problem('broken-request', 'the connection was cut'));
  });
  return promise;
}

/** Forgets the oldest: being registered twice does no harm. */
function boundedSet(most: number): { has(key: string): boolean; add(key: string): void } {
  const keys = new Set<string>();
  return {
    has: (key) => keys.has(key),
    add(key) {
      keys.add(key);
      if (keys.size <= most) return;
      const [oldest] = keys;
      if (oldest !== undefined) keys.delete(oldest);
    },
  };
}
