import type { RequestHandler } from 'express';
import { MemoryStore, rateLimit } from 'express-rate-limit';
import type { Caller } from './authentication.ts';
import { sendProblem } from './error-handler.ts';
import { Problem } from './problem.ts';

/** A thousand classes scheduled at once, several times over, passes; a loop gone wild does not. */
const CALLS_PER_MINUTE = 12_000;
const WINDOW_MS = 60_000;

/** Counts each caller of each tenant apart, calls and sockets together. */
export interface CallerLimit {
  /** Needs `res.locals.caller`. */
  handler: RequestHandler;
  /** Counts one that does not come through Express; throws when it is one too many. */
  count(caller: Caller): Promise<void>;
}

export function createCallerLimit(limit = CALLS_PER_MINUTE): CallerLimit {
  const store = new MemoryStore();
  const keyOf = ({ tenantId, sub }: Caller): string => `${tenantId} ${sub}`;
  const tooMany = (headers?: Record<string, string>): Problem =>
    new Problem(
      'too-many-requests',
      `this caller may send ${limit} requests a minute`,
      headers && { headers },
    );
  return {
    handler: rateLimit({
      windowMs: WINDOW_MS,
      limit,
      store,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      keyGenerator: (_req, res) => keyOf(res.locals.caller as Caller),
      handler: (_req, res) => {
        sendProblem(res, tooMany());
      },
    }),
    async count(caller) {
      const { totalHits } = await store.increment(keyOf(caller));
      if (totalHits > limit) throw tooMany({ 'Retry-After': String(WINDOW_MS / 1_000) });
    },
  };
}
