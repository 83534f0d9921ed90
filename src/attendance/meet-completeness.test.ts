import { describe, expect, test } from 'vitest';
import type { ClassFacts, Sweep } from './facts.ts';
import {
  AMAL,
  BASMA,
  calculate,
  DAY,
  event,
  HOUR,
  listing,
  MIN,
  meetAnswer,
  policy,
  record,
  S,
  SEC,
  sweep,
} from './test-facts.ts';

const MEET: Partial<ClassFacts> = { provider: 'meet', sources: [] };
type Rooms = Parameters<typeof meetAnswer>[2];

const ENDED = [{ startMs: S, endMs: S + HOUR }];

function missing(sweeps: Sweep[], facts: Partial<ClassFacts> = {}): string[] {
  return calculate({ ...MEET, sweeps, ...facts }).missing.map((gap) => gap.code);
}

const sessions = (end: number | null = HOUR) => [listing(AMAL, 0, end)];

describe('the answers have settled', () => {
  // A fifth of five minutes of grace.
  test.each([
    [HOUR, HOUR + MIN, []],
    [HOUR, HOUR + MIN - 1, ['meet_not_settled']],
    [HOUR - 1, HOUR + MIN, ['meet_not_settled']],
    [HOUR - 1, HOUR + 5 * MIN, ['meet_not_settled']],
  ])('from an answer at %i to the latest at %i', (first, latest, expected) => {
    expect(missing([meetAnswer(first, sessions()), meetAnswer(latest, sessions())])).toEqual(expected);
  });

  test('not by one answer alone, unless there is no grace', () => {
    expect(missing([meetAnswer(2 * HOUR, sessions(), ENDED)])).toEqual(['meet_not_settled']);
    expect(missing([meetAnswer(2 * HOUR, sessions(), ENDED)], { graceMs: 0 })).toEqual([]);
  });

  test('also after the scheduled end and the end of every conference record, before the window ends', () => {
    const musa = { policy: policy('musa') };
    const two = (ms: number, rooms: Rooms = [{ startMs: S, endMs: S + HOUR + 5 * MIN }]) => [
      meetAnswer(ms, sessions(), rooms),
      meetAnswer(ms + MIN, sessions(), rooms),
    ];
    expect(missing(two(HOUR + 5 * MIN), musa)).toEqual(['meet_not_settled']);
    expect(missing(two(HOUR + 5 * MIN + 1), musa)).toEqual([]);
    expect(missing(two(90 * MIN), musa)).toEqual([]);
    const goesOn = [...ENDED, { startMs: S, endMs: null }];
    expect(missing(two(HOUR + 6 * MIN, goesOn), musa)).toEqual(['meet_not_settled']);
    expect(missing(two(HOUR + 6 * MIN, []), musa)).toEqual(['meet_not_settled']);
    const early = [{ startMs: S, endMs: S + 10 * MIN }];
    expect(missing(two(HOUR, early), musa)).toEqual(['meet_not_settled']);
    expect(missing(two(HOUR + 1, early), musa)).toEqual([]);
  });

  test('a later answer knows whether a conference record has ended', () => {
    const musa = { policy: policy('musa') };
    const goesOn = meetAnswer(HOUR - MIN, sessions(), [{ startMs: S, endMs: null }]);
    const answers = [
      meetAnswer(HOUR + MIN, sessions(), ENDED),
      meetAnswer(HOUR + 2 * MIN, sessions(), ENDED),
    ];
    expect(missing([goesOn, ...answers], musa)).toEqual([]);
  });

  test.each([
    ['a session that ended otherwise', [listing(AMAL, 0, HOUR - 1)]],
    ['a session without its end', sessions(null)],
    ['a session more', [...sessions(), listing(BASMA, 0, HOUR)]],
    ['a session less', []],
    ['another session', [listing(BASMA, 0, HOUR)]],
  ])('not when an answer in between names %s', (_, other) => {
    const answers = [
      meetAnswer(HOUR, sessions()),
      meetAnswer(HOUR + 2 * MIN, other),
      meetAnswer(HOUR + 4 * MIN, sessions()),
    ];
    expect(missing(answers)).toContain('meet_not_settled');
    expect(missing([...answers, meetAnswer(HOUR + 5 * MIN, sessions())])).not.toContain('meet_not_settled');
  });

  test('whatever the order in which sessions are named', () => {
    const both = [listing(AMAL, 0, HOUR), listing(BASMA, 0, HOUR)];
    expect(missing([meetAnswer(HOUR, both), meetAnswer(HOUR + MIN, both.toReversed())])).toEqual([]);
  });

  test('failures and listings of who is present are no answers', () => {
    const first = meetAnswer(HOUR, sessions());
    const failed = { ...meetAnswer(HOUR + MIN, sessions()), ok: false };
    const present = sweep(HOUR + MIN, [AMAL], { source: 'meet' });
    expect(missing([first, failed])).toEqual(['meet_not_settled']);
    expect(missing([first, present])).toEqual(['meet_not_settled']);
    expect(missing([first, failed, meetAnswer(HOUR + 2 * MIN, sessions())])).toEqual([]);
  });

  test('a conference in which nobody was named settles like any other', () => {
    const answers = [meetAnswer(HOUR, []), meetAnswer(HOUR + MIN, [])];
    expect(missing(answers)).toEqual([]);
    expect(record({ ...MEET, sweeps: answers })).toMatchObject({
      status: 'absent',
      isFinal: true,
      flags: [],
    });
  });

  test('an empty answer more than 25 days after the end is none', () => {
    const settled = [meetAnswer(HOUR, sessions()), meetAnswer(HOUR + MIN, sessions())];
    expect(missing([...settled, meetAnswer(HOUR + 25 * DAY + 1, [], [])])).toEqual([]);
    expect(missing([...settled, meetAnswer(HOUR + 25 * DAY, [], [])])).toEqual(['meet_not_settled']);
    expect(missing([...settled, meetAnswer(HOUR + 25 * DAY + 1, [])])).toEqual(['meet_not_settled']);
    expect(missing([...settled, meetAnswer(HOUR + 25 * DAY + 1, [listing(BASMA, 0, HOUR)], [])])).toEqual([
      'meet_not_settled',
    ]);
  });
});

describe('every session in the window has its end', () => {
  /** Two answers that agree on a session which goes on at `lastSeen` and is gone from the answers at the end. */
  const lost = (start: number, lastSeen: number, rooms?: Rooms) => [
    meetAnswer(lastSeen, [listing(BASMA, start, null)]),
    meetAnswer(HOUR, [listing(AMAL, 0, HOUR)], rooms),
    meetAnswer(HOUR + MIN, [listing(AMAL, 0, HOUR)], rooms),
  ];

  test('an open one is missing', () => {
    expect(missing(lost(0, 20 * MIN))).toEqual(['meet_open_sessions']);
  });

  test('one that is proven to reach the end of the window is not', () => {
    const on = [listing(AMAL, 0, null)];
    expect(missing([meetAnswer(HOUR, on), meetAnswer(HOUR + MIN, on)])).toEqual([]);
    expect(record({ ...MEET, sweeps: [meetAnswer(HOUR, on), meetAnswer(HOUR + MIN, on)] })).toMatchObject({
      status: 'present',
      isFinal: true,
      flags: [],
      confidence: 'high',
    });
  });

  test('an inferred end is an end, an estimated one is none', () => {
    const closing = (ms: number) => [{ startMs: S, endMs: S + ms }];
    expect(missing(lost(0, 20 * MIN, closing(26 * MIN)))).toEqual([]);
    expect(missing(lost(0, 20 * MIN, closing(26 * MIN + 1)))).toEqual(['meet_open_sessions']);
  });

  test('one that cannot have touched the window does not matter', () => {
    expect(missing(lost(-HOUR, -30 * MIN, [{ startMs: S, endMs: S }]))).toEqual([]);
    expect(missing(lost(-HOUR, -30 * MIN, [{ startMs: S, endMs: S + 1 }]))).toEqual(['meet_open_sessions']);
    expect(missing(lost(HOUR, HOUR))).toEqual([]);
  });

  test("somebody else's lost end changes nothing for a person, but the class is not complete", () => {
    const facts = { ...MEET, sweeps: lost(0, 20 * MIN) };
    const strict = policy('itqan', { partialUpToPercent: 100, presentAbovePercent: 100 });
    expect(calculate(facts).isComplete).toBe(false);
    expect(record(facts, BASMA).status).toBe('unknown');
    expect(record({ ...facts, policy: strict }, AMAL)).toMatchObject({
      status: 'partial',
      isFinal: false,
      flags: [],
    });
    expect(record(facts, 'teacher')).toMatchObject({ status: 'absent', isFinal: false });
  });

  test("connections of other sources are not Meet's sessions", () => {
    const settled = [meetAnswer(HOUR, sessions()), meetAnswer(HOUR + MIN, sessions())];
    expect(missing(settled, { events: [event('joined', BASMA, 0)] })).toEqual([]);
  });
});

describe('no conference record at all', () => {
  const none = (ms: number) => meetAnswer(ms, [], []);

  test.each([
    [HOUR + 160 * HOUR, []],
    [HOUR + 160 * HOUR - 1, ['meet_no_conference']],
  ])('is believed when the latest attempt at %i still says so', (ms, expected) => {
    expect(missing([none(HOUR), none(ms)])).toEqual(expected);
  });

  test('then everybody is absent and flagged', () => {
    expect(record({ ...MEET, sweeps: [none(161 * HOUR)] })).toMatchObject({
      status: 'absent',
      isFinal: true,
      flags: ['no_conference'],
      explanation: expect.stringContaining('Meet knows of no conference'),
    });
    expect(record({ ...MEET, sweeps: [none(160 * HOUR)] })).toMatchObject({
      status: 'unknown',
      flags: ['incomplete_evidence'],
    });
  });

  test('who was there by another source is not flagged', () => {
    const events = [event('joined', AMAL, 0), event('left', AMAL, HOUR)];
    expect(record({ ...MEET, events, sweeps: [none(161 * HOUR)] })).toMatchObject({
      status: 'present',
      flags: [],
    });
  });

  test('a policy says after how long', () => {
    const facts = { policy: policy('itqan', { emptySettlesAfterMs: 2 * HOUR }) };
    expect(missing([none(3 * HOUR)], facts)).toEqual([]);
    expect(missing([none(3 * HOUR - 1)], facts)).toEqual(['meet_no_conference']);
  });

  test('time is measured from the end of the counting window', () => {
    expect(missing([none(161 * HOUR)], { policy: policy('musa') })).toEqual(['meet_no_conference']);
    expect(missing([none(161.5 * HOUR)], { policy: policy('musa') })).toEqual([]);
  });

  test('is not believed when the latest attempt failed, or none was made', () => {
    expect(missing([none(161 * HOUR), { ...none(162 * HOUR), ok: false }])).toEqual(['meet_no_answer']);
    expect(missing([{ ...none(161 * HOUR), ok: false }, none(162 * HOUR)])).toEqual([]);
    expect(missing([])).toEqual(['meet_no_answer']);
    expect(missing([sweep(161 * HOUR, [], { source: 'meet' })])).toEqual(['meet_no_answer']);
    expect(missing([sweep(161 * HOUR, [], { scope: 'all' })])).toEqual(['meet_no_answer']);
  });

  test('is not believed more than 25 days after the end, and then takes nothing back', () => {
    const facts = { policy: policy('itqan') };
    expect(missing([none(HOUR + 25 * DAY)], facts)).toEqual([]);
    expect(missing([none(HOUR + 25 * DAY + 1)], facts)).toEqual(['meet_no_answer']);
    expect(missing([none(161 * HOUR), none(HOUR + 26 * DAY)], facts)).toEqual([]);
  });

  test('is not the case when anything ever showed one', () => {
    const late = none(161 * HOUR);
    expect(missing([meetAnswer(10 * MIN, [listing(AMAL, 0, 5 * MIN)]), late])).toEqual(['meet_not_settled']);
    expect(missing([meetAnswer(10 * MIN, []), late])).toEqual(['meet_not_settled']);
    expect(missing([sweep(10 * MIN, [AMAL], { source: 'meet' }), late])).toContain('meet_not_settled');
    expect(missing([late], { events: [event('joined', AMAL, 0, { source: 'meet' })] })).toContain(
      'meet_not_settled',
    );
    expect(missing([{ ...meetAnswer(10 * MIN, []), ok: false }, late])).toEqual([]);
    expect(missing([sweep(10 * MIN, [AMAL]), late])).toEqual([]);
  });
});

test('seeing fewer sessions than before removes nothing', () => {
  const sweeps = [
    meetAnswer(10 * MIN, [listing(AMAL, 0, 10 * MIN)]),
    meetAnswer(13 * MIN, []),
    meetAnswer(HOUR, []),
  ];
  expect(record({ ...MEET, sweeps }).presentSeconds).toBe(600);
  const going = [
    sweep(3 * MIN, [AMAL], { source: 'meet', connections: [listing(AMAL, 0, null)] }),
    sweep(6 * MIN, [], { source: 'meet' }),
  ];
  expect(record({ ...MEET, sweeps: going })).toMatchObject({
    presentSeconds: 180,
    flags: expect.arrayContaining(['open']),
  });
});

test('a session told by events and by answers is one', () => {
  const events = [
    event('joined', AMAL, 0, { source: 'meet' }),
    event('left', AMAL, 30 * MIN, { source: 'meet' }),
  ];
  const sweeps = [
    meetAnswer(10 * SEC, [listing(AMAL, 0, null)]),
    meetAnswer(HOUR, [listing(AMAL, 0, 30 * MIN)]),
  ];
  expect(record({ ...MEET, events, sweeps })).toMatchObject({ presentSeconds: 1800, interruptions: 0 });
});
