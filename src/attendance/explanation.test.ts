import { describe, expect, test } from 'vitest';
import {
  AMAL,
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
  stay,
  sweep,
} from './test-facts.ts';
import { clock, few, length } from './words.ts';

test('an explanation tells times, sources, clipping, bridging, the rule and the threshold', () => {
  const events = [
    ...stay(AMAL, -5 * MIN, 20 * MIN),
    ...stay(AMAL, 20 * MIN + 30 * SEC, 65 * MIN, { source: 'meet' }),
  ];
  expect(record({ events }).explanation).toBe(
    'The lesson on 2025-03-03 was from 09:00:00 to 10:00:00 UTC (60 min). ' +
      'Connected 08:55:00–09:20:00 (livekit), 09:20:30–10:05:00 (meet). ' +
      'Time before 09:00:00 does not count. Time after 10:00:00 does not count. ' +
      'Gaps of at most 1 min count: 09:20:00–09:20:30 (30 s). ' +
      'Present for 60 min, which is 100.00 % of the lesson. ' +
      'By the policy itqan (itqan, version 0): presence of 100.00 % is above 50 %, and not late, so present.',
  );
});

const says = (facts: Parameters<typeof record>[0], ...words: string[]) => {
  const { explanation } = record(facts);
  for (const word of words) expect(explanation).toContain(word);
};

describe('an explanation says', () => {
  test('that nobody was seen', () => {
    says({}, 'No connection was seen.', 'nothing that counts, so absent.');
  });

  test('how late somebody was, and what late is', () => {
    says(
      { events: stay(AMAL, 20 * MIN, 55 * MIN) },
      'First counted at 09:20:00, 20 min after the start: late, because that is more than 15 min.',
      'late, and presence of 58.33 % is at most 75 %, so late.',
    );
    says({ events: stay(AMAL, 10 * MIN, HOUR) }, 'not late, because that is not more than 15 min.');
    says({ events: stay(AMAL, 15 * MIN + 1, HOUR) }, '15 min 0.001 s after the start: late');
    says(
      { endMs: S + 2 * HOUR, events: stay(AMAL, 20 * MIN, 2 * HOUR) },
      'late, but presence of 83.33 % is above 75 %, so present.',
    );
  });

  test('the same about two ends of one instant, whichever was told first', () => {
    const events = [
      event('joined', AMAL, MIN, { connection: 'one' }),
      event('left', AMAL, MIN, { connection: 'another' }),
    ];
    const sweeps = [sweep(10 * MIN, [])];
    says(
      { events, sweeps },
      'The end at 09:01:00 (livekit) is an estimate: nothing was heard between then and much later. ' +
        'A leaving at 09:01:00 (livekit) has no known beginning.',
    );
    expect(record({ events: events.toReversed(), sweeps })).toEqual(record({ events, sweeps }));
  });

  test('which threshold decided', () => {
    says({ events: stay(AMAL, 0, MIN) }, 'presence of 1.67 % is below 10 %, so absent.');
    says({ events: stay(AMAL, 0, 30 * MIN) }, 'presence of 50.00 % is at most 50 %, so partial.');
    says({ policy: policy('musa'), events: stay(AMAL, 0, MIN) }, 'any presence is enough, so present.');
    const own = policy('itqan', { name: 'evening', version: 3, absentWhenLaterThanMs: 20 * MIN });
    says(
      { policy: own, events: stay(AMAL, 30 * MIN, 50 * MIN) },
      'By the policy evening (itqan, version 3)',
      'more than 20 min late, and presence of 33.33 % is at most 50 %, so absent.',
    );
  });

  test('what activity there was', () => {
    const active = (from: number, ms: number) => ({
      policy: policy('astegni'),
      events: [event('heartbeat', AMAL, from, { untilMs: S + from + ms }), event('left', AMAL, from + ms)],
    });
    says(
      active(0, 30 * MIN),
      'Active for 30 min, which is 50.00 %.',
      'activity of 50.00 % is at least 30 %, and not late',
    );
    says(active(10 * MIN, 30 * MIN), 'late, with activity of 50.00 %, so late.');
    says(
      active(20 * MIN, 20 * MIN),
      'more than 15 min late, and activity of 33.33 % is below 40 %, so absent.',
    );
    says({ policy: policy('astegni'), events: stay(AMAL, 0, HOUR) }, 'presence takes the place of activity');
    const board = { source: 'whiteboard' };
    const drawing = [
      event('heartbeat', AMAL, 10 * MIN, { untilMs: S + 40 * MIN, ...board }),
      event('left', AMAL, 40 * MIN, board),
    ];
    says({ policy: policy('astegni'), events: drawing }, 'First active at 09:10:00, 10 min after the start');
  });

  test('that a stay was too short, and that a removal is not bridged', () => {
    says({ events: stay(AMAL, 0, 5 * SEC) }, 'Connected for 5 s only; less than 10 s is no presence.');
    const removed = [
      ...stay(AMAL, 0, 10 * MIN, { reason: 'PARTICIPANT_REMOVED' }),
      ...stay(AMAL, 10 * MIN + SEC, HOUR),
    ];
    says({ events: removed }, 'Gaps after a removal do not count: 09:10:00–09:10:01.');
  });

  test('how ends were found', () => {
    says(
      { events: [event('joined', AMAL, MIN)], sweeps: [sweep(2 * MIN)] },
      'The end at 09:01:00 (livekit) was inferred',
    );
    says(
      { events: [event('joined', AMAL, MIN)], sweeps: [sweep(9 * MIN)] },
      'The end at 09:01:00 (livekit) is an estimate',
    );
    says(
      { events: [event('joined', AMAL, MIN)] },
      'After 09:01:00 (livekit) nothing shows whether the connection went on.',
      'Not certain, because the time that nothing is known about could add to it.',
      'Known: at least 0 minutes.',
    );
    says(
      { events: [...stay(AMAL, 0, MIN), event('joined', AMAL, 30 * MIN)] },
      'presence of 1.67 % is below 10 %, so absent, as far as is known.',
      'Known: at least 1 minute.',
    );
    says({ events: [event('left', AMAL, MIN)] }, 'A leaving at 09:01:00 (livekit) has no known beginning.');
  });

  test('what is missing', () => {
    says(
      { sources: [] },
      'Not certain, because the evidence of the class could still show more.',
      'Missing: ',
    );
    says({ events: stay('stranger', 0, HOUR) }, 'somebody was there who has not been matched');
    const lost = [
      meetAnswer(MIN, [listing('basma', 0, null)]),
      meetAnswer(HOUR, []),
      meetAnswer(2 * HOUR, []),
    ];
    expect(record({ provider: 'meet', sources: [], sweeps: lost }).explanation).not.toContain('Missing');
  });

  test('until when the overrun counts and what cut it', () => {
    says({ policy: policy('musa') }, 'Time counts until 10:30:00.');
    says(
      { policy: policy('musa'), nextClassStartMs: S + 70 * MIN },
      'Time counts until 10:10:00. From 10:10:00 on the room belonged to the next class.',
    );
  });

  test('that it is provisional while live', () => {
    const live = record({ events: [event('joined', AMAL, 0)] }, AMAL, { kind: 'live', nowMs: S + MIN });
    expect(live.explanation).toContain('Connected 09:00:00–now (livekit).');
    expect(live.explanation).toContain('Provisional: the class has not been calculated yet.');
    expect(live.explanation).not.toContain('nothing shows');
  });

  test('no more than a dozen stays by name', () => {
    const events = Array.from({ length: 14 }, (_, index) =>
      stay(AMAL, index * 2 * MIN, (index * 2 + 0.5) * MIN),
    ).flat();
    says({ events }, 'and 2 more.');
  });
});

describe('words', () => {
  test('a time of another day says which', () => {
    expect(clock(S, S)).toBe('09:00:00');
    expect(clock(S + 15 * HOUR, S)).toBe('2025-03-04 00:00:00');
    expect(clock(S + 999, S)).toBe('09:00:00');
    expect(clock(S - DAY + 61 * SEC, S)).toBe('2025-03-02 09:01:01');
  });

  test('a length is minutes and seconds, and milliseconds where there are any', () => {
    expect([0, 1, 12 * SEC, MIN, 65 * MIN + 3 * SEC].map(length)).toEqual([
      '0 s',
      '0.001 s',
      '12 s',
      '1 min',
      '65 min 3 s',
    ]);
  });

  test('a list says how many more there are', () => {
    expect(few(['a', 'b'], 2)).toBe('a, b');
    expect(few(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
  });
});
