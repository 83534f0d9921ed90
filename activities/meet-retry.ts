import { ApplicationFailure } from '@temporalio/activity';
import type { MeetFault } from '../src/meet/fault.ts';

/**
 * The failure that has Temporal try again, or null when another try is not worth it: Google said that somebody must
 * change something first, or the wait would reach beyond `untilMs`, when the next attempt comes anyway.
 */
export function retryOf(
  fault: MeetFault,
  attempt: number,
  nowMs: number,
  untilMs: number,
): ApplicationFailure | null {
  if (fault.kind === 'never') return null;
  // Doubled with each attempt, at most a minute, unless Google named the time.
  const delayMs = fault.retryAfterMs ?? Math.min(1_000 * 2 ** (attempt - 1), 60_000);
  if (nowMs + delayMs >= untilMs) return null;
  return ApplicationFailure.create({
    // The message names the teacher and is on the class; a history carries ids and codes only.
    message: `Google Meet: ${fault.code}`,
    type: fault.code,
    nextRetryDelay: Math.max(1, delayMs),
  });
}
