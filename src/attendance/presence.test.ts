import { describe, expect, test } from 'vitest';
import { AMAL, classFacts, event, HOUR, MIN, policy, record, S, SEC, stay, TEACHER } from './test-facts.ts';

describe('what gives presence', () => {
  test.each(['meet', 'livekit', 'zoom'])('%s does, whatever the provider', (source) => {
    for (const provider of ['meet', 'livekit', 'whiteboard'] as const) {
      expect(record({ provider, events: stay(AMAL, 0, MIN, { source }) }).presentSeconds).toBe(60);
    }
  });

  test('the whiteboard does where it is the provider, and only there', () => {
    const events = [
      event('joined', AMAL, 0, { source: 'whiteboard' }),
      event('left', AMAL, 40 * SEC, { source: 'whiteboard' }),
    ];
    expect(record({ provider: 'whiteboard', events }).presentSeconds).toBe(40);
    expect(record({ provider: 'livekit', events }).presentSeconds).toBe(0);
    expect(record({ provider: 'meet', events })).toMatchObject({ firstJoinMs: null, presentSeconds: 0 });
  });

  test('a supporting source does not, nor one that nobody registered', () => {
    const events = stay(AMAL, 0, MIN, { source: 'diary', personId: AMAL });
    const diary = { name: 'diary', kind: 'supporting', declaredComplete: false } as const;
    expect(record({ sources: [diary], events }).presentSeconds).toBe(0);
    expect(record({ sources: [], events }).presentSeconds).toBe(0);
    expect(record({ sources: [{ ...diary, kind: 'in_call' }], events }).presentSeconds).toBe(60);
  });

  test('a registration cannot make the whiteboard count where it is not the provider', () => {
    const sources = [{ name: 'whiteboard', kind: 'in_call', declaredComplete: false } as const];
    const events = [
      event('joined', AMAL, 0, { source: 'whiteboard' }),
      event('left', AMAL, 40 * SEC, { source: 'whiteboard' }),
    ];
    expect(record({ sources, events }).presentSeconds).toBe(0);
  });
});

describe('the counting window', () => {
  test('time before the start is preparation', () => {
    expect(record({ events: stay(AMAL, -20 * MIN, 10 * MIN) }).presentSeconds).toBe(600);
    expect(record({ events: stay(AMAL, -20 * MIN, 0) }).presentSeconds).toBe(0);
  });

  test.each([
    ['itqan', null, 60],
    ['astegni', null, 60],
    ['musa', null, 90],
    ['musa', 100 * MIN, 90],
    ['musa', 75 * MIN, 75],
    ['musa', 60 * MIN, 60],
    ['musa', 45 * MIN, 60],
  ] as const)('of %s with the next class at %s ends after %i minutes', (preset, next, minutes) => {
    const facts = {
      policy: policy(preset),
      nextClassStartMs: next === null ? null : S + next,
      events: stay(AMAL, 0, 2 * HOUR),
    };
    expect(record(facts).presentSeconds).toBe(minutes * 60);
  });
});

describe('overlapping and neighbouring connections', () => {
  test('two devices at once count once', () => {
    const events = [...stay(AMAL, 0, 10 * MIN), ...stay(AMAL, 5 * MIN, 12 * MIN, { source: 'meet' })];
    expect(record({ events }).presentSeconds).toBe(720);
  });

  test('an interval split at an instant is the same interval', () => {
    const events = [...stay(AMAL, 0, 5 * MIN), ...stay(AMAL, 5 * MIN, 10 * MIN)];
    expect(record({ events })).toMatchObject({ presentSeconds: 600, bridgedSeconds: 0, interruptions: 0 });
  });
});

describe('bridging', () => {
  const around = (gapMs: number, reason?: string) => [
    ...stay(AMAL, 0, 10 * MIN, reason === undefined ? {} : { reason }),
    ...stay(AMAL, 10 * MIN + gapMs, 20 * MIN),
  ];

  test('a gap of exactly 60 s counts and is reported', () => {
    expect(record({ events: around(60 * SEC) })).toMatchObject({
      presentSeconds: 1200,
      bridgedSeconds: 60,
      interruptions: 0,
    });
  });

  test('a gap of 60.001 s does not', () => {
    expect(record({ events: around(60 * SEC + 1) })).toMatchObject({
      presentSeconds: 1139,
      bridgedSeconds: 0,
      interruptions: 1,
    });
  });

  test('a policy sets its own length', () => {
    const own = policy('itqan', { bridgeMs: 0 });
    expect(record({ policy: own, events: around(SEC) }).presentSeconds).toBe(1199);
  });

  test.each(['PARTICIPANT_REMOVED', 'ROOM_DELETED'])('not after %s', (reason) => {
    expect(record({ events: around(30 * SEC, reason) })).toMatchObject({
      presentSeconds: 1170,
      bridgedSeconds: 0,
      interruptions: 1,
    });
  });

  test.each(['CLIENT_INITIATED', 'DUPLICATE_IDENTITY'])('yes after %s', (reason) => {
    expect(record({ events: around(30 * SEC, reason) }).bridgedSeconds).toBe(30);
  });

  test('not if any connection that ends exactly at its beginning was removed', () => {
    const other = stay(AMAL, 2 * MIN, 10 * MIN, { reason: 'PARTICIPANT_REMOVED' });
    expect(record({ events: [...around(30 * SEC), ...other] }).bridgedSeconds).toBe(0);
  });

  test('yes if the removed connection ended before the gap', () => {
    const other = stay(AMAL, 2 * MIN, 10 * MIN - 1, { reason: 'PARTICIPANT_REMOVED' });
    expect(record({ events: [...around(30 * SEC), ...other] }).bridgedSeconds).toBe(30);
  });

  test('not after a removal that was aborted or told by the closing of the room', () => {
    const rejoin = stay(AMAL, 10 * MIN + 30 * SEC, 20 * MIN);
    const aborted = event('aborted', AMAL, 10 * MIN, { reason: 'PARTICIPANT_REMOVED' });
    expect(record({ events: [event('joined', AMAL, 0), aborted, ...rejoin] }).bridgedSeconds).toBe(0);
    const lifetime = [event('joined', AMAL, 0), event('seen', AMAL, 9 * MIN)];
    const nobody = { connection: null, identity: null };
    const closed = event('room_closed', AMAL, 10 * MIN, nobody);
    expect(record({ events: [...lifetime, closed, ...rejoin] }).bridgedSeconds).toBe(30);
    const deleted = event('room_closed', AMAL, 10 * MIN, { ...nobody, reason: 'ROOM_DELETED' });
    expect(record({ events: [...lifetime, deleted, ...rejoin] }).bridgedSeconds).toBe(0);
  });

  test('the latest left says whether it was a removal', () => {
    const events = [
      event('joined', AMAL, 0),
      event('left', AMAL, 9 * MIN, { reason: 'PARTICIPANT_REMOVED' }),
      event('left', AMAL, 10 * MIN),
      ...stay(AMAL, 10 * MIN + 30 * SEC, 20 * MIN),
    ];
    expect(record({ events }).bridgedSeconds).toBe(30);
  });

  test('there is nothing to bridge before the first and after the last interval', () => {
    const events = stay(AMAL, 30 * SEC, HOUR - 30 * SEC);
    expect(record({ events })).toMatchObject({ presentSeconds: 3540, bridgedSeconds: 0 });
  });

  test.each([
    [20, 20, false],
    [20, 41, true],
  ])(
    'more bridged than connected time is mostly bridged: stays of %i s around %i s',
    (connected, gap, flagged) => {
      const events = [
        ...stay(AMAL, 0, connected * SEC),
        ...stay(AMAL, (connected + gap) * SEC, (2 * connected + gap) * SEC),
      ];
      const got = record({ events, policy: policy('musa') });
      expect(got.flags.includes('mostly_bridged')).toBe(flagged);
      expect(got.needsReview).toBe(flagged);
    },
  );

  test('exactly as much bridged as connected is not mostly bridged', () => {
    const events = [...stay(AMAL, 0, 20 * SEC), ...stay(AMAL, 60 * SEC, 80 * SEC)];
    expect(record({ events })).toMatchObject({ bridgedSeconds: 40, presentSeconds: 80, flags: [] });
  });
});

describe('the minimum', () => {
  test.each([
    [10 * SEC, 10],
    [10 * SEC - 1, 0],
  ])('a union of %i ms', (ms, seconds) => {
    expect(record({ events: stay(AMAL, 0, ms) }).presentSeconds).toBe(seconds);
  });

  test('bridged gaps do not help to reach it', () => {
    const events = [...stay(AMAL, 0, 4 * SEC), ...stay(AMAL, 50 * SEC, 55 * SEC)];
    expect(record({ events })).toMatchObject({ presentSeconds: 0, bridgedSeconds: 0, latenessSeconds: null });
  });

  test('several stays together do', () => {
    const events = [...stay(AMAL, 0, 5 * SEC), ...stay(AMAL, 10 * MIN, 10 * MIN + 5 * SEC)];
    expect(record({ events }).presentSeconds).toBe(10);
  });

  test('only time inside the window does', () => {
    expect(record({ events: stay(AMAL, -MIN, 9 * SEC) }).presentSeconds).toBe(0);
  });

  test('a minimum of nothing makes no presence out of nothing', () => {
    const own = policy('musa', { minPresenceMs: 0 });
    expect(record({ policy: own })).toMatchObject({ presentSeconds: 0, status: 'absent' });
    expect(record({ policy: own, events: stay(AMAL, 0, 1) }).status).toBe('present');
  });
});

test('everybody on the roster has one record, and nobody else', () => {
  const { roster } = classFacts();
  const twice = [...roster, { personId: TEACHER, role: 'student' } as const];
  expect(record({ roster: twice }, TEACHER).role).toBe('teacher');
});
