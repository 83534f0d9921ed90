import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import type { Caller } from './authentication.ts';
import { sendProblem } from './error-handler.ts';
import { Problem } from './problem.ts';

/** A thousand classes scheduled at once, several times over, passes; a loop gone wild does not. */
const CALLS_PER_MINUTE = 12_000;

/** Counts each caller of each tenant apart. Needs `res.locals.caller`. */
export function callerLimit(limit = CALLS_PER_MINUTE): RequestHandler {
  return rateLimit({
    windowMs: 60_000,
    limit,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: (_req, res) => {
      const { tenantId, sub } = res.locals.caller as Caller;
      return `${tenantId} ${sub}`;
    },
    handler: (_req, res) => {
      sendProblem(res, new Problem('too-many-requests', `this caller may send ${limit} requests a minute`));
    },
  });
}
