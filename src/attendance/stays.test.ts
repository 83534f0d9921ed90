import { expect, test } from 'vitest';
import type { ClassFacts, Moment } from './facts.ts';
import {
  AMAL,
  BASMA,
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
  TEACHER,
} from './test-facts.ts';

function rows(changes: Partial<ClassFacts>, moment?: Moment) {
  return calculate(changes, moment).stays.map((row) => [
    row.personId ?? row.identity,
    row.role,
    row.joinMs - S,
    row.leaveMs === null ? null : row.leaveMs - S,
    row.countedMs,
    row.source,
  ]);
}

test('a stay is a union of connections, unbridged, as it happened; what counts is what is in the window', () => {
  const events = [
    ...stay(AMAL, -10 * MIN, 10 * MIN),
    ...stay(AMAL, 10 * MIN, 20 * MIN),
    ...stay(AMAL, 15 * MIN, 25 * MIN, { source: 'meet' }),
    ...stay(AMAL, 25 * MIN + 30 * SEC, 70 * MIN),
  ];
  expect(rows({ events })).toEqual([
    [AMAL, 'student', -10 * MIN, 25 * MIN, 25 * MIN, 'livekit+meet'],
    [AMAL, 'student', 25 * MIN + 30 * SEC, 70 * MIN, HOUR - 25 * MIN - 30 * SEC, 'livekit'],
  ]);
  const { presentSeconds, bridgedSeconds } = record({ events });
  expect(presentSeconds - bridgedSeconds).toBe(3600 - 30);
});

test('everybody has stays: teachers, students, and guests by name or as a person', () => {
  const events = [
    ...stay(TEACHER, 0, MIN),
    ...stay(AMAL, 1, MIN),
    ...stay('stranger', 2, MIN),
    ...stay('x', 3, MIN, { personId: 'headmaster' }),
  ];
  expect(rows({ events }).map(([who, role]) => [who, role])).toEqual([
    [TEACHER, 'teacher'],
    [AMAL, 'student'],
    ['stranger', 'guest'],
    ['headmaster', 'guest'],
  ]);
  expect(calculate({ events }).stays[2]).toMatchObject({ personId: null, identity: 'stranger' });
  expect(calculate({ events }).stays[3]).toMatchObject({ personId: 'headmaster', identity: null });
});

test('what does not reach the minimum counts nothing', () => {
  const own = (ms: number) =>
    rows({ events: [...stay(AMAL, 0, 5 * SEC), ...stay(AMAL, MIN * 5, 5 * MIN + ms)] });
  expect(own(5 * SEC - 1).map((row) => row[4])).toEqual([0, 0]);
  expect(own(5 * SEC).map((row) => row[4])).toEqual([5 * SEC, 5 * SEC]);
});

test('somebody who was seen once is a row without length, once', () => {
  expect(rows({ events: [event('joined', AMAL, MIN)] })).toEqual([[AMAL, 'student', MIN, MIN, 0, 'livekit']]);
  expect(rows({ events: [event('joined', AMAL, MIN), ...stay(AMAL, 0, MIN)] })).toHaveLength(1);
});

test('a left of unknown beginning, a machine and a source without presence make no row', () => {
  const identities = [{ source: 'livekit', identity: 'agent', state: 'unmatched' as const, human: false }];
  const events = [
    event('left', AMAL, MIN),
    ...stay('agent', 0, MIN),
    ...stay(BASMA, 0, MIN, { source: 'diary', personId: BASMA }),
  ];
  expect(rows({ identities, events })).toEqual([]);
});

test('live, who is connected has not left', () => {
  const events = [event('joined', AMAL, 0), ...stay(BASMA, 0, MIN)];
  expect(rows({ events }, { kind: 'live', nowMs: S + 10 * MIN })).toEqual([
    [AMAL, 'student', 0, null, 10 * MIN, 'livekit'],
    [BASMA, 'student', 0, MIN, MIN, 'livekit'],
  ]);
});

test('the overrun counts too', () => {
  expect(rows({ policy: policy('musa'), events: stay(AMAL, 0, 2 * HOUR) })).toEqual([
    [AMAL, 'student', 0, 2 * HOUR, E + 30 * MIN - S, 'livekit'],
  ]);
});
