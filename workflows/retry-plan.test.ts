import { describe, expect, test } from 'vitest';
import { nextAttemptAt, type RetryPlan } from './retry-plan.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SINCE = Date.parse('2026-01-05T10:00:00.000Z');
const PLAN: RetryPlan = { sinceMs: SINCE, firstMs: 10 * MINUTE, forMs: 7 * DAY };

/** Every attempt of a class whose evidence never comes, as offsets from the end. */
function everyAttempt(plan: RetryPlan, firstAtMs = plan.sinceMs): number[] {
  const offsets: number[] = [];
  for (let at: number | null = nextAttemptAt(plan, firstAtMs); at !== null; at = nextAttemptAt(plan, at)) {
    offsets.push(at - plan.sinceMs);
  }
  return offsets;
}

describe('when evidence is asked for again', () => {
  test.each([
    ['at the end', 0, 10 * MINUTE],
    ['just before two hours', 2 * HOUR - 1, 2 * HOUR - 1 + 10 * MINUTE],
    ['at two hours', 2 * HOUR, 3 * HOUR],
    ['just before a day', DAY - 1, DAY - 1 + HOUR],
    ['at a day', DAY, DAY + 6 * HOUR],
    ['six hours before the seven days end', 7 * DAY - 6 * HOUR, 7 * DAY],
    ['less than six hours before', 7 * DAY - HOUR, 7 * DAY],
    ['a moment before', 7 * DAY - 1, 7 * DAY],
  ])('%s', (_when, offset, next) => {
    expect(nextAttemptAt(PLAN, SINCE + offset)).toBe(SINCE + next);
  });

  test.each([
    ['when the seven days end', 7 * DAY],
    ['after them', 8 * DAY],
  ])('%s it is not', (_when, offset) => {
    expect(nextAttemptAt(PLAN, SINCE + offset)).toBeNull();
  });

  test('it is every ten minutes for two hours, hourly for a day, then every six hours, and when the days end', () => {
    const attempts = everyAttempt(PLAN);
    expect(attempts.filter((at) => at <= 2 * HOUR)).toEqual(
      Array.from({ length: 12 }, (_, n) => (n + 1) * 10 * MINUTE),
    );
    expect(attempts.filter((at) => at > 2 * HOUR && at <= DAY)).toEqual(
      Array.from({ length: 22 }, (_, n) => (n + 3) * HOUR),
    );
    expect(attempts.filter((at) => at > DAY)).toEqual(
      Array.from({ length: 24 }, (_, n) => DAY + (n + 1) * 6 * HOUR),
    );
    expect(attempts.at(-1)).toBe(7 * DAY);
  });

  test('a bell cuts a wait short and the waits go on from there, to the same last attempt', () => {
    const rung = SINCE + 3 * DAY + 17 * MINUTE;
    const attempts = everyAttempt(PLAN, rung);
    expect(attempts[0]).toBe(3 * DAY + 17 * MINUTE + 6 * HOUR);
    expect(attempts.at(-1)).toBe(7 * DAY);
  });

  test('an attempt before the waiting began counts as one at its beginning', () => {
    expect(nextAttemptAt(PLAN, SINCE - MINUTE)).toBe(SINCE + 9 * MINUTE);
  });

  test('with other times the same plan is lived through in seconds', () => {
    const quick = { sinceMs: SINCE, firstMs: 1_000, forMs: 1_008_000 };
    expect(everyAttempt(quick)).toEqual(everyAttempt(PLAN).map((at) => at / 600));
  });
});
