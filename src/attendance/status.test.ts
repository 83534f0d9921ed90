import { describe, expect, test } from 'vitest';
import { AMAL, BASMA, event, HOUR, MIN, policy, record, S, SEC, stay, sweep } from './test-facts.ts';

/** Milliseconds that are this share of the hour. */
const share = (percent: number) => (percent / 100) * HOUR;

describe('itqan', () => {
  const status = (fromMs: number, forMs: number) =>
    record({ events: stay(AMAL, fromMs, fromMs + forMs) }).status;

  test.each([
    [share(10) - 1, 'absent'],
    [share(10), 'partial'],
    [share(50), 'partial'],
    [share(50) + 1, 'present'],
    [share(100), 'present'],
  ])('in time for %i ms', (ms, expected) => {
    expect(status(0, ms)).toBe(expected);
  });

  test.each([
    [15 * MIN, share(75), 'present'],
    [15 * MIN + 1, share(75) - 1, 'late'],
    [15 * MIN + 1, share(50) + 1, 'late'],
    [15 * MIN + 1, share(50), 'partial'],
    [15 * MIN + 1, share(10) - 1, 'absent'],
  ])('%i ms after the start for %i ms', (from, ms, expected) => {
    expect(status(from, ms)).toBe(expected);
  });

  test('late with exactly 75 % is late, with 1 ms more present and still late by the measure', () => {
    const day = (ms: number) => record({ endMs: S + 100 * MIN, events: stay(AMAL, 20 * MIN, 20 * MIN + ms) });
    expect(day(75 * MIN).status).toBe('late');
    expect(day(75 * MIN + 1)).toMatchObject({ status: 'present', isLate: true, lateMinutes: 20 });
  });

  test('without presence absent, whatever a tenant sets', () => {
    const lenient = policy('itqan', { absentBelowPercent: 0, partialUpToPercent: 0 });
    expect(record({ policy: lenient }).status).toBe('absent');
    expect(record({ policy: lenient, events: stay(AMAL, 0, 10 * SEC) }).status).toBe('present');
  });

  test('thresholds are compared unrounded', () => {
    expect(record({ events: stay(AMAL, 0, share(10) - 1) })).toMatchObject({
      attendancePercentage: 10,
      status: 'absent',
    });
    expect(record({ events: stay(AMAL, 0, share(50) + 1) })).toMatchObject({
      attendancePercentage: 50,
      status: 'present',
    });
  });

  test.each([33.3, 12.5, 0.0001, 66.666])('a fraction of %d %% has an exact edge', (percent) => {
    const own = policy('itqan', { absentBelowPercent: 0, partialUpToPercent: percent, minPresenceMs: 0 });
    const of = (ms: number) =>
      record({ policy: own, endMs: S + 1_000_000_000, events: stay(AMAL, 0, ms) }).status;
    const edge = Math.round(percent * 10_000_000);
    expect([of(edge), of(edge + 1)]).toEqual(['partial', 'present']);
  });

  test('a share of many decimals is a threshold too', () => {
    const own = policy('itqan', { absentBelowPercent: 100 / 3 });
    const of = (ms: number) => record({ policy: own, events: stay(AMAL, 0, ms) }).status;
    expect([of(20 * MIN - 1), of(20 * MIN)]).toEqual(['absent', 'partial']);
  });

  test('a threshold of 100 % is met by whoever stayed longer', () => {
    const own = policy('itqan', { partialUpToPercent: 100, presentAbovePercent: 100, overrunMs: HOUR });
    expect(record({ policy: own, events: stay(AMAL, 0, 90 * MIN) }).status).toBe('partial');
  });

  test('where a tenant says so, what would be partial is absent when too late', () => {
    const own = policy('itqan', { absentWhenLaterThanMs: 20 * MIN });
    const of = (from: number, ms: number) =>
      record({ policy: own, events: stay(AMAL, from, from + ms) }).status;
    expect(of(20 * MIN, share(50))).toBe('partial');
    expect(of(20 * MIN + 1, share(50))).toBe('absent');
    expect(of(20 * MIN + 1, share(50) + 1)).toBe('late');
  });
});

describe('musa', () => {
  test.each([
    [10 * SEC, 'present'],
    [10 * SEC - 1, 'absent'],
  ])('%i ms are %s', (ms, expected) => {
    expect(record({ policy: policy('musa'), events: stay(AMAL, 0, ms) }).status).toBe(expected);
  });

  test('presence in the overrun alone is presence, and late', () => {
    expect(record({ policy: policy('musa'), events: stay(AMAL, 65 * MIN, 70 * MIN) })).toMatchObject({
      status: 'present',
      isLate: true,
      lateMinutes: 65,
    });
  });
});

describe('astegni', () => {
  /** Active from `from` for `ms`; the connection lasts as long. */
  const active = (fromMs: number, ms: number, changes = {}) => [
    event('heartbeat', AMAL, fromMs, { untilMs: S + fromMs + ms, ...changes }),
    event('left', AMAL, fromMs + ms, changes),
  ];
  const of = (events: ReturnType<typeof event>[], sweeps: ReturnType<typeof sweep>[] = []) =>
    record({ policy: policy('astegni'), events, sweeps });

  test.each([
    [0, share(30) - 1, 'absent', 'low'],
    [0, share(30), 'present', 'low'],
    [0, share(40) - 1, 'present', 'low'],
    [0, share(40), 'present', 'medium'],
    [0, share(70), 'present', 'medium'],
    [0, share(70) + 1, 'present', 'high'],
    [0, share(10) - 1, 'absent', 'high'],
    [0, share(10), 'absent', 'low'],
    [5 * MIN, share(50), 'present', 'medium'],
    [5 * MIN + 1, share(50), 'late', 'medium'],
    [5 * MIN + 1, share(80), 'late', 'high'],
    [15 * MIN, share(40) - 1, 'late', 'low'],
    [15 * MIN + 1, share(40) - 1, 'absent', 'low'],
    [15 * MIN + 1, share(40), 'late', 'medium'],
  ])('%i ms after the start active for %i ms', (from, ms, status, confidence) => {
    expect(of(active(from, ms))).toMatchObject({ status, confidence });
  });

  test('activity decides, not presence', () => {
    expect(of([...active(0, share(20)), ...stay(AMAL, 0, HOUR)])).toMatchObject({
      status: 'absent',
      attendancePercentage: 100,
      engagementPercentage: 20,
    });
  });

  test.each([
    [share(30) - 1, 'absent', 'low'],
    [share(40), 'present', 'low'],
    [share(70), 'present', 'low'],
    [share(70) + 1, 'present', 'medium'],
    [share(10) - 1, 'absent', 'medium'],
  ])(
    'without any heartbeat in the class presence decides, one step less sure: %i ms',
    (ms, status, confidence) => {
      expect(of(stay(AMAL, 0, ms))).toMatchObject({ status, confidence });
    },
  );

  test("somebody else's heartbeats are heartbeats of the class", () => {
    const events = [...active(0, HOUR), ...stay(BASMA, 0, HOUR)];
    expect(record({ policy: policy('astegni'), events }, BASMA)).toMatchObject({
      status: 'absent',
      confidence: 'high',
    });
  });

  test('lateness is that of the first active interval where nothing counted; the measures stay as without presence', () => {
    const board = { source: 'whiteboard' };
    const got = of(active(10 * MIN, share(50), board));
    expect(got).toMatchObject({ status: 'late', latenessSeconds: null, isLate: false, lateMinutes: 0 });
    expect(got.suggestion?.latenessMinutes).toBe(10);
  });

  test('elsewhere activity has no lateness', () => {
    const events = active(10 * MIN, share(50), { source: 'whiteboard' });
    expect(record({ events }).suggestion?.latenessMinutes).toBeNull();
  });

  test('lateness is that of the first counted interval where there is one', () => {
    const got = of([...active(10 * MIN, share(50)), ...stay(AMAL, 0, MIN)]);
    expect(got).toMatchObject({ status: 'present', latenessSeconds: 0 });
  });
});

describe('confidence elsewhere', () => {
  const confidence = (events: ReturnType<typeof event>[], sweeps: ReturnType<typeof sweep>[] = []) =>
    record({ policy: policy('musa'), events, sweeps });

  test('is high, also in an absence', () => {
    expect(confidence(stay(AMAL, 0, HOUR))).toMatchObject({
      confidence: 'high',
      flags: [],
      needsReview: false,
    });
    expect(confidence([]).confidence).toBe('high');
  });

  test('is medium when an end was inferred', () => {
    const got = confidence([...stay(AMAL, 0, HOUR), event('joined', AMAL, 0)], [sweep(MIN)]);
    expect(got).toMatchObject({
      confidence: 'medium',
      flags: ['inferred', 'reconciled'],
      needsReview: false,
    });
  });

  test('is low when an end is estimated', () => {
    const got = confidence([...stay(AMAL, 0, HOUR), event('joined', AMAL, 0)], [sweep(5 * MIN)]);
    expect(got).toMatchObject({ confidence: 'low', flags: ['estimated', 'reconciled'], needsReview: true });
  });

  test('is low when an end is open', () => {
    const got = confidence([...stay(AMAL, 0, HOUR), event('joined', AMAL, 0)]);
    expect(got).toMatchObject({ confidence: 'low', flags: ['open'], needsReview: true });
  });

  test("looks at the person's own ends only", () => {
    expect(confidence([...stay(AMAL, 0, HOUR), event('joined', BASMA, 0)])).toMatchObject({
      confidence: 'high',
      flags: [],
    });
  });

  test('is null for unknown', () => {
    expect(record({ events: [event('joined', AMAL, 0)] })).toMatchObject({
      status: 'unknown',
      confidence: null,
    });
    expect(record({ policy: policy('astegni'), events: [event('joined', AMAL, 0)] })).toMatchObject({
      status: 'unknown',
      confidence: null,
    });
  });

  test('does not look at connections far from the class, unless their missing end could lie in it', () => {
    const whole = stay(AMAL, 0, HOUR);
    const early = event('joined', AMAL, -40 * MIN);
    expect(confidence([...whole, early]).flags).toEqual(['open']);
    expect(confidence([...whole, early], [sweep(-35 * MIN)]).flags).toEqual([]);
    expect(confidence([...whole, early], [sweep(-MIN)]).flags).toEqual([]);
    expect(confidence([...whole, early], [sweep(0)]).flags).toEqual([]);
    expect(confidence([...whole, early], [sweep(1)]).flags).toEqual(['estimated', 'reconciled']);
  });

  test('does not look at a left of unknown beginning before the class', () => {
    const whole = stay(AMAL, 0, HOUR);
    expect(confidence([...whole, event('left', AMAL, 0)]).flags).toEqual([]);
    expect(confidence([...whole, event('left', AMAL, 1)]).flags).toEqual(['estimated']);
  });

  test('does not look at connections that give no presence', () => {
    const diary = { source: 'diary', personId: AMAL };
    expect(confidence([...stay(AMAL, 0, HOUR), event('joined', AMAL, 0, diary)]).flags).toEqual([]);
  });
});

test('a connection that only a listing of the room knows is reconciled; for Meet that is the normal way', () => {
  const listed = sweep(MIN, [AMAL]);
  expect(record({ events: stay(AMAL, 0, HOUR), sweeps: [listed] }).flags).toContain('reconciled');
  expect(record({ events: [event('joined', AMAL, 0)], sweeps: [listed] }).flags).not.toContain('reconciled');
  expect(record({ sweeps: [sweep(MIN, [AMAL], { source: 'meet' })] }).flags).not.toContain('reconciled');
});

test('a connection whose end only a listing of the room shows is reconciled', () => {
  const joined = event('joined', AMAL, 0);
  const gone = [sweep(2 * MIN)];
  expect(record({ events: [joined], sweeps: gone }).flags).toEqual(
    expect.arrayContaining(['inferred', 'reconciled']),
  );
  expect(record({ events: stay(AMAL, 0, MIN), sweeps: gone }).flags).not.toContain('reconciled');
  const late = sweep(HOUR + MIN);
  expect(record({ events: [joined], sweeps: [late] }).flags).toEqual(
    expect.arrayContaining(['estimated', 'reconciled']),
  );
});
