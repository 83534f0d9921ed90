import { ApplicationFailure, CancelledFailure, CompleteAsyncError } from '@temporalio/activity';
import type { Logger } from 'pino';
import { loggable } from '../src/loggable.ts';

/** The promise is to be back at work five seconds after the database is. */
const LONGEST_WAIT_MS = 5_000;

/**
 * What may be said of a failure in a workflow's history: its kind, never its words. A statement that failed names its
 * parameters, and they name people; the whole of it, without them, is in the worker's log.
 */
export function speechless(error: unknown, attempt: number, log: Logger): Error {
  if (
    error instanceof ApplicationFailure ||
    error instanceof CancelledFailure ||
    error instanceof CompleteAsyncError
  ) {
    return error;
  }
  const failure = loggable(error);
  log.warn({ failure, attempt }, 'an activity failed and is tried again');
  const type = String(failure.code ?? failure.type ?? 'Error');
  return ApplicationFailure.create({
    message: `${type}: see the log of the worker`,
    type,
    nextRetryDelay: Math.min(200 * 2 ** (attempt - 1), LONGEST_WAIT_MS),
  });
}
