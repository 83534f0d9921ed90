import { describe, expect, test } from 'vitest';
import { LiveKitFault } from '../src/livekit/fault.ts';
import { MeetFault } from '../src/meet/fault.ts';
import { retryOf } from './provider-retry.ts';

const NOW = Date.parse('2026-01-05T10:00:00.000Z');
const HOUR = 3_600_000;
const passing = new MeetFault('unavailable', 'retry', 'Google is away for teacher@school.example');

describe('whether a fault is worth another try', () => {
  test.each([
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [7, 60_000],
    [50, 60_000],
  ])('after attempt %i the wait is %i ms', (attempt, delayMs) => {
    expect(retryOf(passing, attempt, NOW, NOW + HOUR)?.nextRetryDelay).toBe(delayMs);
  });

  test('Retry-After is the wait, however long it is', () => {
    const limited = new MeetFault('rate_limited', 'retry_after', 'slow down', { retryAfterMs: 95_000 });
    expect(retryOf(limited, 1, NOW, NOW + HOUR)?.nextRetryDelay).toBe(95_000);
  });

  test('not when somebody must change something first', () => {
    const refused = new MeetFault('scope_missing', 'never', 'scope … missing');
    expect(retryOf(refused, 1, NOW, NOW + HOUR)).toBeNull();
  });

  test.each([
    [NOW + 1_000, null],
    [NOW + 1_001, 1_000],
  ])('not when the wait would reach the next attempt', (untilMs, delay) => {
    expect(retryOf(passing, 1, NOW, untilMs)?.nextRetryDelay ?? null).toBe(delay);
  });

  test.each([
    ['Google Meet: unavailable', passing],
    [
      'LiveKit: unavailable',
      new LiveKitFault('unavailable', 'retry', 'LiveKit is away for the room of Amal'),
    ],
  ])('the failure carries a code and no person: %s', (message, fault) => {
    const failure = retryOf(fault, 1, NOW, NOW + HOUR);
    expect(failure).toMatchObject({ type: 'unavailable', message, nonRetryable: false });
    expect(failure?.cause).toBeUndefined();
  });
});
