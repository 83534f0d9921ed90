import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { DatabaseUnavailable } from '../db/client.ts';
import { ClassNotFound } from '../db/plans.ts';
import { PolicyNotFound } from '../db/policy-in-force.ts';
import { loggable } from '../loggable.ts';
import type { Metrics } from '../metrics.ts';
import { brokenBody, notFound, Problem, problemBody, problemStatus, tryAgain } from './problem.ts';

export function sendProblem(res: Response, problem: Problem): void {
  res
    .status(problemStatus(problem.code))
    .set(problem.extra.headers ?? {})
    .type('application/problem+json')
    .send(JSON.stringify(problemBody(problem)));
}

export const unknownPath: RequestHandler = () => {
  throw notFound('path');
};

/** Turns whatever was thrown into a problem. What nobody expected is logged whole and told to the caller as a 500. */
export function errorHandler(log: Logger, metrics: Metrics): ErrorRequestHandler {
  return (error: unknown, _req, res, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    const problem = problemOf(error);
    if (error instanceof DatabaseUnavailable) {
      metrics.databaseFailures.inc();
      log.warn({ failure: loggable(error), request_id: res.locals.requestId }, 'database unavailable');
    } else if (problem.code === 'internal-error') {
      log.error({ failure: loggable(error), request_id: res.locals.requestId }, 'request failed');
    }
    sendProblem(res, problem);
  };
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof ClassNotFound) return notFound('class');
  if (error instanceof PolicyNotFound) return new Problem('conflict', error.message, { cause: error });
  if (error instanceof DatabaseUnavailable) return tryAgain('the database cannot be reached', 2, error);
  if (isBusy(error)) return tryAgain('another request holds the same rows', 1, error);
  return bodyProblem(error) ?? new Problem('internal-error', 'the failure was logged', { cause: error });
}

/** PostgreSQL gave up waiting: statement_timeout, lock_timeout, deadlock. The transaction was rolled back. */
const BUSY = new Set(['57014', '55P03', '40P01', '40001']);

function isBusy(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && BUSY.has(String(cause.code))) return true;
  }
  return false;
}

/** What Express and its body parser throw: `http-errors` with a status and a type. */
function bodyProblem(error: unknown): Problem | null {
  if (!(error instanceof Error) || !('status' in error)) return null;
  const limit = 'limit' in error ? ` of ${String(error.limit)} bytes` : '';
  switch (error.status) {
    case 413:
      return new Problem('body-too-large', `the body is larger than the limit${limit}`);
    case 415:
      return new Problem('not-json', 'send application/json in UTF-8');
    case 400:
      return 'type' in error && error.type === 'entity.parse.failed'
        ? brokenBody(`must be valid JSON: ${error.message}`)
        : new Problem('broken-request', `the request cannot be read: ${error.message}`);
    default:
      return null;
  }
}
