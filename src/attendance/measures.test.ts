import { describe, expect, test } from 'vitest';
import {
  AMAL,
  BASMA,
  COMPLETE,
  calculate,
  E,
  event,
  HOUR,
  MIN,
  policy,
  record,
  S,
  SEC,
  stay,
  sweep,
  TEACHER,
} from './test-facts.ts';

test('without presence lateness and early leave are null and everything else is 0', () => {
  expect(record({})).toMatchObject({
    presentSeconds: 0,
    bridgedSeconds: 0,
    durationMinutes: 0,
    attendancePercentage: 0,
    firstJoinMs: null,
    lastLeaveMs: null,
    latenessSeconds: null,
    isLate: false,
    lateMinutes: 0,
    earlyLeaveSeconds: null,
    interruptions: 0,
    pairedSeconds: 0,
    waitingSeconds: 0,
    activeSeconds: 0,
  });
});

describe('rounding', () => {
  test('seconds are rounded down', () => {
    expect(record({ events: stay(AMAL, 0, 10_999) }).presentSeconds).toBe(10);
  });

  // 1 s = 0.01666… min, 3 s = 0.05, 33 s = 0.55; 27 s = 0.45: thirds never meet a half, so half up shows at 2/3 of a step.
  test.each([
    [10, 0.17],
    [11, 0.18],
    [13, 0.22],
    [33, 0.55],
    [3600, 60],
  ])('%i s are %d minutes', (seconds, minutes) => {
    expect(record({ events: stay(AMAL, 0, seconds * SEC) }).durationMinutes).toBe(minutes);
  });

  test('minutes are made of whole seconds', () => {
    expect(record({ events: stay(AMAL, 0, 10_999) }).durationMinutes).toBe(0.17);
  });

  // 20 minutes: 60 ms are 0.005 %.
  test.each([
    [60 * SEC, 5],
    [60 * SEC + 59, 5],
    [60 * SEC + 60, 5.01],
    [60 * SEC + 179, 5.01],
    [60 * SEC + 180, 5.02],
    [20 * MIN - 61, 99.99],
    [20 * MIN - 60, 100],
  ])('%i ms of twenty minutes are %d %%, half up', (ms, percent) => {
    const events = stay(AMAL, 0, ms);
    expect(record({ endMs: S + 20 * MIN, events }).attendancePercentage).toBe(percent);
  });

  test('the percentage is at most 100 although the overrun counts', () => {
    const got = record({ policy: policy('musa'), events: stay(AMAL, 0, 90 * MIN) });
    expect(got).toMatchObject({ attendancePercentage: 100, durationMinutes: 90, earlyLeaveSeconds: 0 });
  });
});

describe('first_join and last_leave', () => {
  test('are unclipped', () => {
    const events = [...stay(AMAL, -20 * MIN, -10 * MIN), ...stay(AMAL, 5 * MIN, 80 * MIN)];
    expect(record({ events })).toMatchObject({ firstJoinMs: S - 20 * MIN, lastLeaveMs: S + 80 * MIN });
  });

  test('are there also when nothing counted', () => {
    expect(record({ events: stay(AMAL, -20 * MIN, -10 * MIN) })).toMatchObject({
      presentSeconds: 0,
      firstJoinMs: S - 20 * MIN,
      lastLeaveMs: S - 10 * MIN,
    });
    expect(record({ events: stay(AMAL, 0, SEC) }).firstJoinMs).toBe(S);
  });

  test.each([
    ['itqan', null, -30 * MIN - 1, -30 * MIN, false],
    ['itqan', null, -31 * MIN, -30 * MIN + 1, true],
    ['itqan', null, 90 * MIN - 1, 91 * MIN, true],
    ['itqan', null, 90 * MIN, 91 * MIN, false],
    ['musa', null, 90 * MIN - 1, 91 * MIN, true],
    ['musa', null, 90 * MIN, 91 * MIN, false],
    ['musa', 70 * MIN, 90 * MIN - 1, 91 * MIN, true],
  ] as const)(
    'look from 30 min before to 30 min after, %s, next class %s: %i to %i',
    (preset, next, from, to, seen) => {
      const facts = {
        policy: policy(preset),
        nextClassStartMs: next === null ? null : S + next,
        events: stay(AMAL, from, to),
      };
      expect(record(facts).firstJoinMs).toBe(seen ? S + from : null);
    },
  );

  test('look as far as an overrun of more than 30 min, unless the next class cut it', () => {
    const own = policy('itqan', { overrunMs: 50 * MIN });
    const events = stay(AMAL, 105 * MIN, 106 * MIN);
    expect(record({ policy: own, events }).firstJoinMs).toBe(S + 105 * MIN);
    expect(record({ policy: own, nextClassStartMs: E + 10 * MIN, events }).firstJoinMs).toBeNull();
  });

  test('last_leave is null while live and connected', () => {
    const events = [event('joined', AMAL, 0)];
    const live = { kind: 'live', nowMs: S + 10 * MIN } as const;
    expect(record({ events }, AMAL, live)).toMatchObject({ firstJoinMs: S, lastLeaveMs: null });
    expect(record({ events: stay(AMAL, 0, MIN) }, AMAL, live).lastLeaveMs).toBe(S + MIN);
  });

  test('a left of unknown beginning gives neither', () => {
    const events = [event('left', AMAL, 10 * MIN), ...stay(AMAL, 20 * MIN, 25 * MIN)];
    expect(record({ events })).toMatchObject({ firstJoinMs: S + 20 * MIN, lastLeaveMs: S + 25 * MIN });
  });
});

describe('lateness', () => {
  test('goes by the first counted interval: who looked in early and came back late is late', () => {
    const events = [...stay(AMAL, -10 * MIN, 0), ...stay(AMAL, 20 * MIN, HOUR)];
    expect(record({ events })).toMatchObject({ latenessSeconds: 1200, isLate: true, lateMinutes: 20 });
  });

  test.each([
    [15 * MIN, 900, false, 0],
    [15 * MIN + 1, 900, true, 15],
    [16 * MIN - 1, 959, true, 15],
    [16 * MIN, 960, true, 16],
    [0, 0, false, 0],
  ])('%i ms after the start', (ms, seconds, isLate, minutes) => {
    expect(record({ events: stay(AMAL, ms, HOUR) })).toMatchObject({
      latenessSeconds: seconds,
      isLate,
      lateMinutes: minutes,
    });
  });

  test.each([
    ['astegni', 5],
    ['musa', 15],
  ] as const)('%s is late after %i min', (preset, minutes) => {
    const at = (ms: number) => record({ policy: policy(preset), events: stay(AMAL, ms, HOUR) }).isLate;
    expect([at(minutes * MIN), at(minutes * MIN + 1)]).toEqual([false, true]);
  });
});

test.each([
  [HOUR - 10 * MIN - 1, 600],
  [HOUR, 0],
  [2 * HOUR, 0],
])('early leave is what is missing until the scheduled end: left at %i', (ms, seconds) => {
  expect(record({ policy: policy('musa'), events: stay(AMAL, 0, ms) }).earlyLeaveSeconds).toBe(seconds);
});

test('interruptions are the gaps that remain', () => {
  const events = [
    ...stay(AMAL, 0, 10 * MIN),
    ...stay(AMAL, 10 * MIN + 30 * SEC, 20 * MIN),
    ...stay(AMAL, 25 * MIN, 30 * MIN),
    ...stay(AMAL, 35 * MIN, 40 * MIN),
  ];
  expect(record({ events })).toMatchObject({ interruptions: 2, bridgedSeconds: 30 });
});

describe('time together', () => {
  const events = [
    ...stay(TEACHER, 10 * MIN, 40 * MIN),
    ...stay(AMAL, 0, 20 * MIN),
    ...stay(BASMA, 15 * MIN, 30 * MIN),
  ];

  test('a student with a teacher, a teacher with at least one student', () => {
    expect(record({ events }, AMAL).pairedSeconds).toBe(600);
    expect(record({ events }, BASMA).pairedSeconds).toBe(900);
    expect(record({ events }, TEACHER).pairedSeconds).toBe(1200);
  });

  test('waiting is a teacher without any student; a student waits for nobody', () => {
    expect(record({ events }, TEACHER).waitingSeconds).toBe(600);
    expect(record({ events }, AMAL).waitingSeconds).toBe(0);
  });

  test('guests and persons who are not on the roster are no company', () => {
    const roster = [{ personId: TEACHER, role: 'teacher' } as const];
    expect(record({ roster, events }, TEACHER)).toMatchObject({ pairedSeconds: 0, waitingSeconds: 1800 });
  });

  test('two teachers are not together with each other, and either keeps a student company', () => {
    const roster = [
      { personId: TEACHER, role: 'teacher' } as const,
      { personId: BASMA, role: 'teacher' } as const,
      { personId: AMAL, role: 'student' } as const,
    ];
    expect(record({ roster, events }, BASMA).pairedSeconds).toBe(300);
    expect(record({ roster, events }, AMAL).pairedSeconds).toBe(600);
  });

  test('is certain when everybody is known', () => {
    expect(calculate({ events }).people.map((person) => person.pairedIsProvisional)).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('is provisional while somebody is unknown, an unmatched person was there, or the class is live', () => {
    const provisional = (more: typeof events, live = false) =>
      calculate(
        { events: [...events, ...more] },
        live ? { kind: 'live', nowMs: E } : { kind: 'settled' },
      ).people.every((person) => person.pairedIsProvisional);
    expect(provisional([event('joined', AMAL, 25 * MIN)])).toBe(true);
    expect(provisional(stay('stranger', 0, 10 * SEC))).toBe(true);
    expect(provisional(stay('stranger', 0, 10 * SEC - 1))).toBe(false);
    expect(provisional(stay('stranger', -MIN, 0))).toBe(false);
    expect(provisional([], true)).toBe(true);
  });
});

describe('activity', () => {
  const beat = (ms: number, changes = {}) => event('heartbeat', AMAL, ms, changes);
  const active = (events: ReturnType<typeof event>[], preset: 'itqan' | 'astegni' = 'itqan') =>
    record({ policy: policy(preset), events }).activeSeconds;

  test('a heartbeat lasts 30 s', () => {
    expect(active([beat(MIN), event('left', AMAL, 10 * MIN)])).toBe(30);
  });

  test('but not beyond the end of its connection', () => {
    expect(active([beat(MIN), event('left', AMAL, MIN + 12 * SEC)])).toBe(12);
    expect(active([beat(MIN)])).toBe(0);
    expect(active([beat(MIN), beat(MIN + 15 * SEC)])).toBe(15);
  });

  test('heartbeats of one person are a union, whatever their connections and sources', () => {
    const other = { connection: 'other', source: 'diary', personId: AMAL };
    const events = [
      beat(MIN),
      event('left', AMAL, 10 * MIN),
      beat(MIN + 20 * SEC, other),
      event('left', AMAL, 10 * MIN, other),
    ];
    expect(active(events)).toBe(50);
  });

  test('a merged span is active from its first heartbeat to 30 s after its last', () => {
    const events = [beat(MIN, { untilMs: S + 3 * MIN }), event('left', AMAL, 10 * MIN)];
    expect(active(events)).toBe(150);
  });

  test('it is clipped to the lesson, not to the counting window', () => {
    const events = [beat(-10 * SEC), beat(HOUR - 10 * SEC), event('left', AMAL, 2 * HOUR)];
    expect(record({ policy: policy('musa'), events }).activeSeconds).toBe(30);
  });

  test('the whiteboard gives activity where it gives no presence', () => {
    const board = { source: 'whiteboard' };
    const events = [beat(0, board), beat(15 * SEC, board), event('left', AMAL, 40 * SEC, board)];
    expect(record({ events })).toMatchObject({ presentSeconds: 0, activeSeconds: 40 });
  });

  test('other signs of life are no activity', () => {
    const events = [event('joined', AMAL, 0), event('seen', AMAL, MIN), event('left', AMAL, 2 * MIN)];
    expect(record({ events, sweeps: [sweep(MIN, [AMAL])] }).activeSeconds).toBe(0);
  });

  test('engagement is activity in percent of the lesson, or presence where there was no heartbeat', () => {
    const left = event('left', AMAL, HOUR);
    expect(
      record({ events: [beat(0, { untilMs: S + 6 * MIN - 30 * SEC }), left] }).engagementPercentage,
    ).toBe(10);
    expect(record({ events: stay(AMAL, 0, 15 * MIN) }).engagementPercentage).toBe(25);
  });

  test('heartbeats before the start alone do not count as the class having had heartbeats', () => {
    const early = (ms: number) => [beat(ms), event('left', AMAL, HOUR), ...stay(BASMA, 0, HOUR)];
    expect(record({ sources: [COMPLETE], events: early(-30 * SEC) }, BASMA).engagementPercentage).toBe(100);
    expect(record({ sources: [COMPLETE], events: early(-30 * SEC + 1) }, BASMA).engagementPercentage).toBe(0);
    expect(record({ sources: [COMPLETE], events: early(HOUR) }, BASMA).engagementPercentage).toBe(100);
    const ended = [beat(-20 * SEC), event('left', AMAL, -10 * SEC), ...stay(BASMA, 0, HOUR)];
    expect(record({ events: ended }, BASMA).engagementPercentage).toBe(100);
    expect(record({ events: [beat(0), ...stay(BASMA, 0, HOUR)] }, BASMA).engagementPercentage).toBe(0);
  });
});
