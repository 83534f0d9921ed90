import { describe, expect, test } from 'vitest';
import type { ClassFacts } from './facts.ts';
import {
  AMAL,
  BASMA,
  calculate,
  classFacts,
  event,
  HOUR,
  listing,
  MIN,
  policy,
  record,
  S,
  SEC,
  stay,
  sweep,
  TEACHER,
} from './test-facts.ts';

const INCOMPLETE = { sources: [] };

describe("one's own missing end", () => {
  const open = [...stay(AMAL, 0, 20 * MIN), event('joined', AMAL, 30 * MIN)];

  test('that is open makes unknown, with the whole minutes that are known', () => {
    const events = [...stay(AMAL, 0, 20 * MIN + 59 * SEC), event('joined', AMAL, 30 * MIN)];
    expect(record({ events })).toMatchObject({
      status: 'unknown',
      isFinal: false,
      atLeastMinutes: 20,
      confidence: null,
      needsReview: true,
      presentSeconds: 1259,
    });
  });

  test('that is estimated makes unknown', () => {
    expect(record({ events: open, sweeps: [sweep(45 * MIN)] }).status).toBe('unknown');
  });

  test('that is inferred does not', () => {
    expect(record({ events: open, sweeps: [sweep(32 * MIN)] })).toMatchObject({
      status: 'partial',
      isFinal: true,
      atLeastMinutes: null,
    });
  });

  test('does not when the known presence already earns present', () => {
    const events = [...stay(AMAL, 0, 40 * MIN), event('joined', AMAL, 45 * MIN)];
    expect(record({ events })).toMatchObject({ status: 'present', isFinal: true, flags: ['open'] });
  });

  test('does when it earns late, because more could earn present', () => {
    const events = [...stay(AMAL, 20 * MIN, 55 * MIN), event('joined', AMAL, 57 * MIN)];
    expect(record({ events }).status).toBe('unknown');
  });

  test('does not when the time in question is counted already', () => {
    const events = [...stay(AMAL, 30 * MIN, HOUR), event('joined', AMAL, 40 * MIN)];
    expect(record({ events }).status).toBe('partial');
  });

  test('does not when the time in question is bridged already', () => {
    const events = [
      ...stay(AMAL, 0, 10 * MIN),
      ...stay(AMAL, 11 * MIN, 20 * MIN),
      event('joined', AMAL, 10 * MIN - 1),
    ];
    expect(record({ events, sweeps: [sweep(20 * MIN)] }).status).toBe('partial');
    expect(record({ events, sweeps: [sweep(20 * MIN + 1)] }).status).toBe('unknown');
  });

  test('does not when all of it together is too short for presence', () => {
    const events = [event('joined', AMAL, 50 * MIN)];
    const closing = (ms: number) => ({
      verifyMs: SEC,
      events,
      sweeps: [sweep(50 * MIN + ms)],
    });
    expect(record(closing(10 * SEC - 1)).status).toBe('absent');
    expect(record(closing(10 * SEC)).status).toBe('unknown');
  });

  test('does not when the connection ended before the class, for all that is known', () => {
    const events = [event('joined', AMAL, -30 * MIN)];
    expect(record({ events, sweeps: [sweep(0)] }).status).toBe('absent');
    expect(record({ events, sweeps: [sweep(10 * SEC)] }).status).toBe('unknown');
  });

  test('does not when the connection began after the window', () => {
    expect(record({ events: [event('joined', AMAL, HOUR)] }).status).toBe('absent');
    expect(record({ events: [event('joined', AMAL, HOUR - 10 * SEC)] }).status).toBe('unknown');
    expect(record({ events: [event('joined', AMAL, HOUR - 10 * SEC + 1)] }).status).toBe('absent');
  });

  test('of a connection that gives no presence does not', () => {
    const diary = { source: 'diary', personId: AMAL };
    expect(record({ events: [event('joined', AMAL, 0, diary)] }).status).toBe('absent');
  });

  test('of somebody else changes nothing', () => {
    expect(record({ events: [event('joined', BASMA, 0)] })).toMatchObject({
      status: 'absent',
      isFinal: true,
    });
  });
});

describe('a left of unknown beginning', () => {
  test('makes unknown by the time before it', () => {
    expect(record({ events: [event('left', AMAL, 10 * SEC)] })).toMatchObject({
      status: 'unknown',
      atLeastMinutes: 0,
      flags: ['estimated'],
    });
    expect(record({ events: [event('left', AMAL, 10 * SEC - 1)] }).status).toBe('absent');
    expect(record({ events: [event('left', AMAL, 2 * HOUR)] }).status).toBe('unknown');
  });

  test('does not when the time before it is counted already', () => {
    const events = [...stay(AMAL, 0, 20 * MIN), event('left', AMAL, 20 * MIN)];
    expect(record({ events }).status).toBe('partial');
  });
});

describe('incomplete evidence of the class', () => {
  test('makes everybody unknown who does not already earn present', () => {
    const facts: Partial<ClassFacts> = {
      ...INCOMPLETE,
      events: [...stay(AMAL, 0, HOUR), ...stay(BASMA, 0, MIN)],
    };
    expect(record(facts, AMAL)).toMatchObject({
      status: 'present',
      isFinal: false,
      flags: ['incomplete_evidence'],
    });
    expect(record(facts, BASMA)).toMatchObject({ status: 'unknown', atLeastMinutes: 1 });
    expect(record(facts, TEACHER)).toMatchObject({ status: 'unknown', atLeastMinutes: 0 });
  });

  test('does not when there is nothing more to show of a person', () => {
    const strict = policy('itqan', { partialUpToPercent: 100, presentAbovePercent: 100 });
    const of = (ms: number) => record({ ...INCOMPLETE, policy: strict, events: stay(AMAL, 0, ms) }).status;
    expect([of(HOUR), of(HOUR - 1)]).toEqual(['partial', 'unknown']);
  });

  test('where activity decides there is more to show until the lesson was active throughout', () => {
    const facts = {
      ...INCOMPLETE,
      policy: policy('astegni'),
      events: [...stay(AMAL, 0, HOUR), event('heartbeat', AMAL, 0), event('left', AMAL, MIN)],
    };
    expect(record(facts).status).toBe('unknown');
  });

  test('nobody is absent on it', () => {
    for (const preset of ['itqan', 'astegni', 'musa'] as const) {
      expect(record({ ...INCOMPLETE, policy: policy(preset) }).status).toBe('unknown');
    }
  });
});

describe('an unmatched participant', () => {
  const stranger = (ms: number) => stay('stranger', 0, ms);
  const identity = { source: 'livekit', identity: 'stranger', human: true } as const;
  const known = (state: 'matched' | 'dismissed', personId?: string) => [
    ...classFacts().identities,
    { ...identity, state, ...(personId === undefined ? {} : { personId }) },
  ];

  test('with the minimum in the window makes an absence unknown', () => {
    expect(record({ events: stranger(10 * SEC) })).toMatchObject({
      status: 'unknown',
      flags: ['unmatched_participant'],
      atLeastMinutes: 0,
    });
    expect(record({ events: stranger(10 * SEC - 1) }).status).toBe('absent');
    expect(record({ events: stay('stranger', -10 * MIN, 10 * SEC - 1) }).status).toBe('absent');
  });

  test('whose stay is not known to its end may have been there long enough', () => {
    expect(record({ events: [event('joined', 'stranger', 0)] }).status).toBe('unknown');
    expect(record({ events: [event('left', 'stranger', MIN)] }).status).toBe('unknown');
  });

  test('changes nothing for those who are not absent', () => {
    const events = [...stranger(HOUR), ...stay(AMAL, 0, 20 * MIN)];
    expect(record({ events })).toMatchObject({ status: 'partial', flags: [] });
  });

  test('leaves the class complete', () => {
    expect(calculate({ events: stranger(HOUR) }).isComplete).toBe(true);
  });

  test('is settled by dismissing', () => {
    expect(record({ events: stranger(HOUR), identities: known('dismissed') }).status).toBe('absent');
  });

  test('is settled by matching, and then is who it was', () => {
    const facts = { events: stranger(HOUR), identities: known('matched', AMAL) };
    expect(record(facts, AMAL).status).toBe('present');
    expect(record(facts, BASMA).status).toBe('absent');
  });

  test('that was matched with nobody still waits', () => {
    expect(record({ events: stranger(HOUR), identities: known('matched') }).status).toBe('unknown');
  });

  test('that is a machine does not count', () => {
    const identities = [{ ...identity, state: 'unmatched', human: false } as const];
    expect(record({ events: stranger(HOUR), identities }).status).toBe('absent');
  });

  test('of a source that gives no presence does not count', () => {
    const events = stay('stranger', 0, HOUR, { source: 'diary' });
    expect(record({ events }).status).toBe('absent');
  });

  test('of a sweep counts like any other', () => {
    const sweeps = [sweep(10 * MIN, [], { connections: [listing('stranger', 0, null)] })];
    expect(record({ sweeps }).status).toBe('unknown');
  });
});

test('final is who is known in a complete class', () => {
  const events = [...stay(AMAL, 0, HOUR), event('joined', BASMA, 0)];
  expect(calculate({ events }).people.map(({ personId, isFinal }) => [personId, isFinal])).toEqual([
    [AMAL, true],
    [BASMA, false],
    [TEACHER, true],
  ]);
  expect(record({ ...INCOMPLETE, events }).isFinal).toBe(false);
  expect(record({ events }, AMAL, { kind: 'live', nowMs: S + HOUR }).isFinal).toBe(false);
});
