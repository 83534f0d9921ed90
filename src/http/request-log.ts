import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics.ts';
import type { Caller } from './authentication.ts';

const GIVEN_ID = /^[\w-]{8,64}$/;

/**
 * Gives every request an id, and on its end one line of log and one observation. Both name the route as documented,
 * never the address that was called: a query may carry an e-mail, and a token is nobody's business.
 */
export function requestLog(log: Logger, metrics: Metrics): RequestHandler {
  return (req, res, next) => {
    const given = req.headers['x-request-id'];
    const requestId = typeof given === 'string' && GIVEN_ID.test(given) ? given : randomUUID();
    res.locals.requestId = requestId;
    res.set('X-Request-Id', requestId);
    const startedMs = performance.now();
    res.on('close', () => {
      const ms = performance.now() - startedMs;
      const route: string = res.locals.route ?? 'unknown';
      const { method } = req;
      const status = res.writableFinished ? String(res.statusCode) : 'aborted';
      metrics.httpSeconds.observe({ method, route, status }, ms / 1_000);
      const caller: Caller | undefined = res.locals.caller;
      const who = caller === undefined ? {} : { tenant: caller.tenantId, role: caller.role };
      log.info({ request_id: requestId, method, route, status, ms: Math.round(ms), ...who }, 'request');
    });
    next();
  };
}
