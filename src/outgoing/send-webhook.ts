/** Sends one message by the conventions of https://www.standardwebhooks.com: signed, once, to a place that may be reached. */
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { retryAfterMs } from '../meet/retry-after.ts';
import { guardedLookup, type Reach, reachableAddresses } from './public-address.ts';
import { hostOf } from './receiver-url.ts';

export interface OutgoingMessage {
  url: string;
  /** `whsec_…`; several while the receiver changes over from one to the next. */
  secrets: readonly string[];
  /** The same with every attempt and every replay: by it the receiver knows what it has already. */
  messageId: string;
  payload: unknown;
}

/** `failed`: no answer, and why in words that name no secret. */
export type Sent =
  | { kind: 'answered'; status: number; retryAfterMs: number | undefined }
  | { kind: 'failed'; error: string };

export type SendWebhook = (message: OutgoingMessage, nowMs: number) => Promise<Sent>;

/** As long as Standard Webhooks advises at least; a receiver should answer first and work afterwards. */
const PATIENCE_MS = 15_000;
/** Of an answer nothing but its status is used. So much is read out of politeness, and no more. */
const MOST_BYTES = 64 * 1024;

export function createWebhookSender(reach: Reach & { patienceMs?: number }): SendWebhook {
  const patienceMs = reach.patienceMs ?? PATIENCE_MS;
  return async (message, nowMs) => {
    const body = JSON.stringify(message.payload);
    const at = new Date(nowMs);
    try {
      const url = new URL(message.url);
      const answer = await post(url, reach, patienceMs, body, {
        'webhook-id': message.messageId,
        'webhook-timestamp': String(Math.floor(nowMs / 1_000)),
        'webhook-signature': message.secrets
          .map((secret) => new Webhook(secret).sign(message.messageId, at, body))
          .join(' '),
      });
      const waitMs = retryAfterMs(answer.headers['retry-after'], nowMs);
      return { kind: 'answered', status: answer.statusCode ?? 0, retryAfterMs: waitMs };
    } catch (error) {
      return { kind: 'failed', error: wordsOf(error, patienceMs) };
    }
  };
}

/** Follows no redirect: it would lead to where nobody has looked. */
async function post(
  url: URL,
  reach: Reach,
  patienceMs: number,
  body: string,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  if (url.protocol !== 'https:' && !reach.toPrivateNetworks) throw new NotEncrypted();
  if (isIP(hostOf(url)) !== 0) await reachableAddresses(hostOf(url), reach);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = (url.protocol === 'https:' ? https : http).request(url, {
    method: 'POST',
    // A connection of its own: one that is kept may lead to where the name led an hour ago.
    agent: false,
    lookup: guardedLookup(reach),
    signal: AbortSignal.timeout(patienceMs),
    headers: {
      ...headers,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'Rollcall-Webhooks',
    },
  });
  request.on('error', reject);
  // Without a listener Node throws the answer 101 away, and says neither `response` nor `error`.
  request.on('upgrade', (answer, socket) => {
    socket.destroy();
    resolve(answer);
  });
  request.on('response', (answer) => {
    // Its status has been said, however the rest of it ends.
    request.off('error', reject);
    request.on('error', () => {});
    answer.on('error', () => {});
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) answer.destroy();
    });
    answer.on('close', () => resolve(answer));
  });
  request.end(body);
  return await promise;
}

class NotEncrypted extends Error {
  readonly code = 'not_encrypted';
}

const WORDS: Record<string, string> = {
  refused_address: 'the host leads to an address that is not public',
  not_encrypted: 'the address is not https',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was broken off',
  ENOTFOUND: 'the host cannot be found',
  EAI_AGAIN: 'the host cannot be looked up at the moment',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the host cannot be reached',
  ETIMEDOUT: 'the connection could not be made in time',
};

/** Never the message of an error: it may name what is in the URL. */
function wordsOf(error: unknown, patienceMs: number): string {
  if (!(error instanceof Error)) return 'the message could not be sent';
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    return `no answer within ${patienceMs / 1_000} s`;
  const given = 'code' in error ? String(error.code) : error.name;
  // Where a name has several addresses Node tries each, and tells of all.
  const code = error instanceof AggregateError ? String(error.errors[0]?.code ?? given) : given;
  return WORDS[code] ?? `the message could not be sent (${code.slice(0, 60)})`;
}
