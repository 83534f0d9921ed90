import { describe, expect, test } from 'vitest';
import type { Stay } from '../attendance/record.ts';
import { type ClassOnView, causesForAlarm } from './causes.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-09-07T09:00:00.000Z');
const TIMES = { teacherMs: 3 * MINUTE, studentMs: 10 * MINUTE };
const stay = (given: Partial<Stay>): Stay => ({
  personId: null,
  identity: null,
  role: 'student',
  source: 'livekit',
  joinMs: START,
  leaveMs: null,
  countedMs: 0,
  ...given,
});
const view = (given: Partial<ClassOnView> = {}): ClassOnView => ({
  provider: 'livekit',
  startMs: START,
  endMs: START + 40 * MINUTE,
  checkMs: 2 * MINUTE,
  roster: [
    { personId: 'T', role: 'teacher', name: 'Tigist' },
    { personId: 'S', role: 'student', name: 'Selam' },
  ],
  stays: [],
  unmatched: new Map(),
  listedMs: START + 39 * MINUTE,
  heardMs: START + 39 * MINUTE,
  ...given,
});
const at = (minutes: number, given: Partial<ClassOnView> = {}) =>
  causesForAlarm(view(given), TIMES, START + minutes * MINUTE);
const kinds = (minutes: number, given: Partial<ClassOnView> = {}) =>
  at(minutes, given).causes.map(({ kind, about }) => [kind, about]);

describe('whoever is not there', () => {
  test.each([
    [2.999, []],
    [3, [['teacher_missing', 'T']]],
    [9.999, [['teacher_missing', 'T']]],
    [
      10,
      [
        ['teacher_missing', 'T'],
        ['student_missing', 'S'],
      ],
    ],
    [40, []],
  ])('%d min after the start: %j', (minutes, expected) => {
    expect(kinds(minutes)).toEqual(expected);
  });

  test.each([
    ['is in now', { leaveMs: null }, []],
    ['was there a moment later and left', { joinMs: START, leaveMs: START + 3 * MINUTE + 1 }, []],
    ['had left by then', { joinMs: START, leaveMs: START + 3 * MINUTE }, [['teacher_missing', 'T']]],
    ['came later', { joinMs: START + 4 * MINUTE, leaveMs: null }, []],
  ])('a teacher who %s', (_what, given, expected) => {
    const stays = [stay({ personId: 'T', role: 'teacher', ...given })];
    expect(kinds(5, { stays })).toEqual(expected);
  });

  test('is not missed on Meet before Meet was asked after the time', () => {
    const meet = { provider: 'meet' as const, checkMs: 3 * MINUTE };
    const before = at(4, { ...meet, listedMs: START + 2.9 * MINUTE, heardMs: START + 2.9 * MINUTE });
    expect([before.causes, before.nextMs]).toEqual([[], START + 4.25 * MINUTE]);
    const after = { ...meet, listedMs: START + 3 * MINUTE, heardMs: START + 3 * MINUTE };
    expect(kinds(4, after)).toEqual([['teacher_missing', 'T']]);
  });

  test('is not missed when nothing is heard at all: then that is the alarm', () => {
    expect(kinds(30, { listedMs: null, heardMs: null })).toEqual([['capture_silent', '']]);
  });

  test('who was missed before the source fell silent is neither missed nor there', () => {
    const { causes, undecided } = at(20, { listedMs: START + 9 * MINUTE, heardMs: START + 9 * MINUTE });
    expect(causes.map(({ kind }) => kind)).toEqual(['capture_silent']);
    expect(undecided).toEqual([
      { kind: 'teacher_missing', about: 'T' },
      { kind: 'student_missing', about: 'S' },
    ]);
  });

  test('is told by name, with the time', () => {
    expect(at(3).causes[0]?.message).toBe('Tigist (teacher) was not there 3 min after the start');
  });
});

describe('a source', () => {
  const there = [stay({ personId: 'T', role: 'teacher' }), stay({ personId: 'S' })];
  test.each([
    ['livekit', 4.999, []],
    ['livekit', 5, [['capture_silent', '']]],
    ['meet', 4.999, []],
    ['meet', 5, [['capture_silent', '']]],
    ['whiteboard', 30, []],
  ] as const)('%s that was never heard, %d min after the start: %j', (provider, minutes, expected) => {
    expect(kinds(minutes, { provider, stays: there, listedMs: null, heardMs: null })).toEqual(expected);
  });

  test('is silent two checks and a minute after it was last heard', () => {
    const heard = { stays: there, heardMs: START + 10 * MINUTE, listedMs: START + 10 * MINUTE };
    expect(at(14, heard)).toEqual({ causes: [], undecided: [], nextMs: START + 15 * MINUTE });
    expect(kinds(15, heard)).toEqual([['capture_silent', '']]);
  });
});

describe('somebody unmatched', () => {
  const guest = stay({ role: 'guest', identity: 'users/7', source: 'meet' });
  const there = [stay({ personId: 'T', role: 'teacher' }), stay({ personId: 'S' })];
  const unmatched = new Map([['meet:users/7', 'iPad of Sara']]);

  test('in the room is told once, by the name that the provider shows', () => {
    const { causes } = at(20, { stays: [...there, guest, guest], unmatched });
    expect(causes).toEqual([
      {
        kind: 'unmatched_person',
        about: 'meet:users/7',
        message: 'somebody whom nobody has matched yet is in the room: iPad of Sara',
      },
    ]);
  });

  test.each([
    ['has left', [{ ...guest, leaveMs: START + MINUTE }], unmatched],
    ['was dismissed', [guest], new Map()],
  ])('who %s is none', (_what, guests, waiting) => {
    expect(kinds(20, { stays: [...there, ...guests], unmatched: waiting })).toEqual([]);
  });
});

test.each([
  ['before anything is due', 1, {}, 3],
  ['after the teacher came', 4, { stays: [stay({ personId: 'T', role: 'teacher' })] }, 10],
  ['while there is cause', 12, {}, 12.25],
])('the next look %s', (_when, minutes, given, next) => {
  expect(at(minutes, given).nextMs).toBe(START + next * MINUTE);
});
