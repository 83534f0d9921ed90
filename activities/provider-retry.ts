import { ApplicationFailure } from '@temporalio/activity';
import type { ProviderFault } from '../src/provider-fault.ts';

/** What may be said of a fault in a history: its message names people or rooms, and is on the class. */
export const speechOf = (fault: ProviderFault): { message: string; type: string } => ({
  message: `${fault.provider}: ${fault.code}`,
  type: fault.code,
});

/**
 * The failure that has Temporal try again, or null when another try is not worth it: the provider said that somebody must
 * change something first, or the wait would reach beyond `untilMs`, when the next attempt comes anyway.
 */
export function retryOf(
  fault: ProviderFault,
  attempt: number,
  nowMs: number,
  untilMs: number,
): ApplicationFailure | null {
  if (fault.kind === 'never') return null;
  // Doubled with each attempt, at most a minute, unless the provider named the time.
  const delayMs = fault.retryAfterMs ?? Math.min(1_000 * 2 ** (attempt - 1), 60_000);
  if (nowMs + delayMs >= untilMs) return null;
  return ApplicationFailure.create({ ...speechOf(fault), nextRetryDelay: Math.max(1, delayMs) });
}
