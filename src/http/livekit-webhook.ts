/**
 * `POST /webhooks/livekit`: verified, committed, acknowledged, and nothing else; what follows from it happens after the
 * answer. It sits before Express, whose way through costs as much as the insert. LiveKit tries five times, keeps
 * one request in flight for each room, and takes any 4xx for delivered: what is not stored is a 503.
 */
import { createHash, hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { createChangeTeller } from '../db/changes.ts';
import type { Database } from '../db/client.ts';
import { createGroupCommit } from '../ingest/group-commit.ts';
import {
  createMemory,
  type SignedDelivery,
  type StoredDelivery,
  storeDeliveries,
} from '../ingest/store-deliveries.ts';
import type { LiveKitKey } from '../livekit/keys.ts';
import { MOST_BYTES, readDelivery } from '../livekit/read-webhook.ts';
import { signatureCheck } from '../livekit/webhook-signature.ts';
import { loggable } from '../loggable.ts';
import type { Metrics } from '../metrics.ts';
import { createLoadShedding, LONGEST_RETURN } from './load-shedding.ts';
import { Problem, problemBody, problemStatus, tryAgain } from './problem.ts';
import type { RoomNews } from './room-news.ts';

export const LIVEKIT_WEBHOOK_PATH = '/webhooks/livekit';

export interface LiveKitWebhook {
  handle(req: IncomingMessage, res: ServerResponse): Promise<void>;
  /** Resolves when everything that was taken in is committed or refused, and told to whoever watches. */
  drained(): Promise<void>;
}

interface WebhookDeps {
  db: Database;
  /** Of `COMMITS_IN_FLIGHT` connections, for nothing else: slow queries hold up no delivery, and the plans stay warm. */
  deliveryDb: Database;
  keys: readonly LiveKitKey[];
  now: () => number;
  log: Logger;
  metrics: Metrics;
  news: RoomNews;
}

/** So that nobody is sent away for two seconds because PostgreSQL was busy for a twentieth of one; with more the server grows. */
const MOST_WAITING = 450;
/** What LiveKit sends has 1 KB, and a string of more than 128 KB is never collected young. */
const ROWS_PER_COMMIT = 100;
export const COMMITS_IN_FLIGHT = 2;
/** A batch costs PostgreSQL as much as four rows, and the server about as much again. */
const ROWS_BESIDE_ANOTHER = 8;
const WARN_EVERY_MS = 60_000;
/** So long after something that LiveKit did not sign only what was verified holds a place. */
const STRANGERS_MS = 60_000;

export function createLiveKitWebhook({
  db,
  deliveryDb,
  keys,
  now,
  log,
  metrics,
  news,
}: WebhookDeps): LiveKitWebhook {
  const check = signatureCheck(keys);
  const remembered = createMemory();
  const changes = createChangeTeller(db, log);
  const commits = createGroupCommit<SignedDelivery, StoredDelivery>({
    async write(rows) {
      const stored = await storeDeliveries(deliveryDb, rows, remembered);
      for (const { ref } of stored) if (ref !== null) changes.changed(ref);
      return stored;
    },
    mostRows: ROWS_PER_COMMIT,
    mostInFlight: COMMITS_IN_FLIGHT,
    fewestBeside: ROWS_BESIDE_ANOTHER,
  });
  const shedding = createLoadShedding(() => performance.now());
  let warnedMs = Number.NEGATIVE_INFINITY;
  let strangerMs = Number.NEGATIVE_INFINITY;
  /** Who was read and is to be verified. */
  const read: (() => void)[] = [];

  /**
   * Whatever else has arrived is read first, and a batch in each turn of the event loop is verified: many in a row cost less, and
   * whoever is refused waits for few.
   */
  const verifyBatch = (): void => {
    for (const goOn of read.splice(0, ROWS_PER_COMMIT)) goOn();
    if (read.length > 0) setImmediate(verifyBatch);
  };
  const turnToBeVerified = (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (read.push(resolve) === 1) setImmediate(verifyBatch);
    return promise;
  };

  /**
   * What was read holds a place at once: of a crowd the last would wait until the first are verified, only to be refused. Not
   * while strangers are known to be about, who would fill the places.
   */
  const placesTaken = (): number => {
    const areStrangersAbout = performance.now() - strangerMs < STRANGERS_MS;
    return commits.waiting() + (areStrangersAbout ? 0 : read.length);
  };

  /** An operator must hear of a wrong key; nobody needs ten thousand lines about one. */
  const warn = (failure: unknown, message: string): void => {
    const nowMs = performance.now();
    if (nowMs - warnedMs < WARN_EVERY_MS) return;
    warnedMs = nowMs;
    log.warn({ failure }, message);
  };

  /** @param bodyHash null: not known yet */
  const signedBy = (req: IncomingMessage, bodyHash: Buffer | null): LiveKitKey => {
    const signature = check(authorizationOf(req), bodyHash);
    if (signature.ok) return signature.key;
    strangerMs = performance.now();
    throw new Problem('not-authenticated', `not signed by LiveKit: ${signature.reason}`);
  };
  const verified = (req: IncomingMessage, { kept, bytes, bodyHash }: Body): SignedDelivery => {
    const { tenantId: keyTenant } = signedBy(req, bodyHash);
    return { delivery: readDelivery(kept, now(), bytes), keyTenant };
  };

  return {
    async drained() {
      await commits.drained();
      await changes.told();
    },
    async handle(req, res) {
      const startedMs = performance.now();
      const answered = (outcome: string): void => {
        metrics.webhookSeconds.observe({ outcome }, (performance.now() - startedMs) / 1_000);
      };
      const refuse = (): void => {
        send(req, res, overloaded(shedding.retryAfter()));
        answered('overloaded');
      };
      const full = (): boolean => placesTaken() >= MOST_WAITING;
      if (!shedding.admits(placesTaken(), MOST_WAITING)) return refuse();
      try {
        // Whoever sends more than LiveKit ever does shows first who it is.
        const body = await bodyOf(req, () => void signedBy(req, null));
        if (full()) return refuse();
        await turnToBeVerified();
        // A stranger may have been found out, and others have taken the place.
        if (full()) return refuse();
        const signed = verified(req, body);
        const stored = await commits.submit(signed);
        send(req, res, STORED[stored.as]);
        answered(stored.as);
        news.tell(signed.delivery, stored);
        if (stored.tenantId === null) {
          metrics.unownedDeliveries.inc();
          warn(
            { room: signed.delivery.roomName },
            "a delivery of LiveKit is no school's: rollcall set-aside",
          );
        }
      } catch (error) {
        const problem = error instanceof Problem ? error : notStored(error, shedding.retryAfter());
        send(req, res, refusalOf(problem));
        answered(problem.code);
        warn(loggable(error), `a delivery of LiveKit was answered with ${problemStatus(problem.code)}`);
      }
    },
  };
}

interface Answer {
  status: number;
  headers: (string | number)[];
  body: string;
}

/** With its length known an answer leaves in one piece. */
const answerOf = (status: number, headers: Record<string, string>, content: unknown): Answer => {
  const body = JSON.stringify(content);
  return {
    status,
    headers: [...Object.entries(headers).flat(), 'Content-Length', Buffer.byteLength(body)],
    body,
  };
};

const storedAs = (stored: StoredDelivery['as']): Answer =>
  answerOf(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }, { stored });

const refusalOf = (problem: Problem): Answer =>
  answerOf(
    problemStatus(problem.code),
    { 'Content-Type': 'application/problem+json', ...problem.extra.headers },
    problemBody(problem),
  );

const STORED = {
  accepted: storedAs('accepted'),
  duplicate: storedAs('duplicate'),
  set_aside: storedAs('set_aside'),
};

/** Made once: an error notes where it was made, and that costs a third of a refusal. */
const OVERLOADED = Array.from({ length: LONGEST_RETURN + 1 }, (_, seconds) =>
  refusalOf(tryAgain('more deliveries are waiting than can be stored in time', seconds)),
);
const overloaded = (seconds: number): Answer => OVERLOADED[seconds] as Answer;

/** Whatever it was: LiveKit must send it again. */
const notStored = (error: unknown, seconds: number): Problem =>
  tryAgain('the delivery could not be stored', seconds, error);

function send(req: IncomingMessage, res: ServerResponse, { status, headers, body }: Answer): void {
  if (res.headersSent || res.destroyed) return;
  // What was not read of a small body is read and forgotten: connecting anew would cost both sides more.
  const goesOn = req.complete || Number(req.headers['content-length']) <= MOST_BYTES;
  res.writeHead(status, goesOn ? headers : [...headers, 'Connection', 'close']).end(body);
  if (!req.complete) req.resume();
}

/** Two headers are as good as none: which of them would be checked? */
function authorizationOf({ headers, rawHeaders }: IncomingMessage): string | undefined {
  let given = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === 'authorization') given++;
  }
  return given === 1 ? headers.authorization : undefined;
}

interface Body {
  /** Of one that is larger than what is read, its beginning. */
  kept: Buffer;
  bytes: number;
  /** SHA-256 of the whole. */
  bodyHash: Buffer;
}

/**
 * By events, which cost less than an iterator over the request: this is done for every delivery.
 * @param mayGoOn throws where one that is larger than what is read is not to be read to its end
 */
function bodyOf(req: IncomingMessage, mayGoOn: () => void): Promise<Body> {
  const { promise, resolve, reject } = Promise.withResolvers<Body>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let long: ReturnType<typeof createHash> | null = null;
  let refused = false;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (refused) return;
    if (long !== null) return void long.update(chunk);
    chunks.push(chunk);
    if (bytes <= MOST_BYTES) return;
    try {
      mayGoOn();
      long = createHash('sha256').update(Buffer.concat(chunks));
    } catch (error) {
      refused = true;
      reject(error);
    }
  });
  req.on('end', () => {
    const kept = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    resolve({ kept, bytes, bodyHash: long?.digest() ?? hash('sha256', kept, 'buffer') });
  });
  // Whoever is gone was not refused, and is not told when to come back.
  const cut = (cause?: unknown): void =>
    reject(new Problem('broken-request', 'the connection was cut', { cause }));
  req.on('error', cut);
  // In its middle: there is neither an end nor always an error.
  req.on('close', () => {
    if (!req.complete) cut();
  });
  return promise;
}
