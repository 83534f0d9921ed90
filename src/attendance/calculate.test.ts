import { describe, expect, test } from 'vitest';
import { calculateAttendance } from './calculate.ts';
import type { ClassFacts, Moment } from './facts.ts';
import {
  AMAL,
  BASMA,
  calculate,
  classFacts,
  E,
  event,
  HOUR,
  listing,
  MIN,
  policy,
  record,
  S,
  SEC,
  SETTLED,
  stay,
  sweep,
  TEACHER,
} from './test-facts.ts';

const live = (ms: number): Moment => ({ kind: 'live', nowMs: S + ms });

describe('live', () => {
  const events = [event('joined', AMAL, 0), ...stay(TEACHER, 0, 5 * MIN)];

  test('everybody is pending, nothing is final or complete, and there is no hash', () => {
    const got = calculateAttendance(classFacts({ events }), live(30 * MIN), () => {
      throw new Error('a live view has no hash');
    });
    expect(got).toMatchObject({ isComplete: false, inputsHash: null });
    expect(got.missing[0]?.code).toBe('not_calculated');
    for (const person of got.people) {
      expect(person).toMatchObject({
        status: 'pending',
        isFinal: false,
        confidence: null,
        atLeastMinutes: null,
        needsReview: false,
      });
    }
  });

  test('figures are those of now', () => {
    expect(record({ events }, AMAL, live(30 * MIN))).toMatchObject({
      presentSeconds: 1800,
      pairedSeconds: 300,
    });
    expect(record({ events }, AMAL, live(2 * HOUR)).presentSeconds).toBe(3600);
  });

  test('incomplete evidence is no flag yet', () => {
    expect(record({ events, sources: [] }, AMAL, live(MIN)).flags).not.toContain('incomplete_evidence');
  });

  test('missing tells also what the evidence lacks', () => {
    expect(calculate({ sources: [] }, live(MIN)).missing.map((gap) => gap.code)).toEqual([
      'not_calculated',
      'livekit_not_ended',
      'livekit_not_heard',
    ]);
  });

  test('the suggestion says what the rule says of what is known', () => {
    const facts: Partial<ClassFacts> = { policy: policy('astegni'), provider: 'whiteboard', sources: [] };
    const board = { source: 'whiteboard' };
    const beats = [event('heartbeat', AMAL, 6 * MIN, { ...board, untilMs: S + 50 * MIN })];
    const got = record({ ...facts, events: beats }, AMAL, live(50 * MIN));
    expect(got.status).toBe('pending');
    expect(got.suggestion).toEqual({
      status: 'late',
      confidence: 'high',
      latenessMinutes: 6,
      engagementPercentage: 73.33,
      activeMinutes: 44,
      reasons: expect.arrayContaining([expect.stringContaining('so late.')]),
    });
    expect(record({ ...facts, events: beats }, BASMA, live(50 * MIN)).suggestion).toMatchObject({
      status: 'absent',
      latenessMinutes: null,
    });
    expect(record(facts, AMAL, live(50 * MIN)).suggestion).toMatchObject({
      status: 'unknown',
      confidence: null,
    });
  });

  test('who is connected is not doubted for what is still to come', () => {
    const facts: Partial<ClassFacts> = { events: [event('joined', AMAL, 0)] };
    expect(record(facts, AMAL, live(20 * MIN)).suggestion?.status).toBe('partial');
  });
});

test('settled, the suggestion agrees with the record', () => {
  for (const events of [[], stay(AMAL, 0, HOUR), [event('joined', AMAL, 0)]]) {
    const got = record({ events });
    expect(got.suggestion).toMatchObject({ status: got.status, confidence: got.confidence });
  }
});

test('the record names the events behind it, in the order of their times, each once', () => {
  const beat = event('heartbeat', AMAL, 5 * MIN, { source: 'diary', personId: AMAL });
  const closed = event('room_closed', '', 40 * MIN, { connection: null, identity: null });
  const joined = event('joined', AMAL, 39 * MIN);
  const first = stay(AMAL, 0, 20 * MIN);
  const events = [closed, joined, beat, ...first, ...first, ...stay(BASMA, 0, MIN)];
  const ids = [first[0], beat, first[1], joined, closed].map((one) => one?.id);
  expect(record({ events }).eventIds).toEqual(ids);
  expect(record({ events }, TEACHER).eventIds).toEqual([]);
  const shared = { connection: null, identity: null } as const;
  const both = [
    event('joined', AMAL, 39 * MIN),
    event('joined', AMAL, 39 * MIN, { connection: 'other' }),
    event('room_closed', '', 40 * MIN, shared),
  ];
  expect(record({ events: both }).eventIds).toHaveLength(3);
});

test('people are in the order of their ids, whatever the order of the roster', () => {
  const roster = classFacts().roster.toReversed();
  expect(calculate({ roster }).people.map((person) => person.personId)).toEqual([AMAL, BASMA, TEACHER]);
});

test('stays are in the order of their times', () => {
  const events = [
    ...stay(BASMA, 10, MIN),
    ...stay('zoe', 0, MIN),
    ...stay(AMAL, 10, MIN),
    ...stay('abe', 0, MIN),
  ];
  expect(calculate({ events }).stays.map((one) => one.personId ?? one.identity)).toEqual([
    'abe',
    'zoe',
    AMAL,
    BASMA,
  ]);
});

test('the window of the answer is the counting window', () => {
  expect(calculate({ policy: policy('musa') })).toMatchObject({
    windowStartMs: S,
    windowEndMs: E + 30 * MIN,
  });
});

test('of two events with one id the one that sorts first is taken, whichever came first', () => {
  const one = { ...event('left', AMAL, 10 * MIN), sourceEventId: 'same' };
  const other = { ...event('left', AMAL, 20 * MIN), sourceEventId: 'same' };
  const joined = event('joined', AMAL, 0);
  const first = record({ events: [joined, one, other] });
  expect(record({ events: [joined, other, one] })).toEqual(first);
  const elsewhere = { ...other, source: 'meet' };
  expect(record({ events: [joined, one, elsewhere] }).flags).toEqual(['estimated']);
});

describe('the hash', () => {
  const base = classFacts({
    provider: 'livekit',
    policy: policy('musa'),
    events: [...stay(AMAL, 0, HOUR), event('seen', BASMA, MIN)],
    sweeps: [
      sweep(2 * MIN, [AMAL, BASMA], {
        rooms: [
          { room: 'room-1', startMs: S, endMs: null },
          { room: 'room-2', startMs: S, endMs: S + MIN },
        ],
      }),
      sweep(4 * MIN),
    ],
  });
  const hash = (facts: ClassFacts) => calculateAttendance(facts, SETTLED, (text) => text).inputsHash;
  const [first, ...rest] = base.events;
  const [listed, last] = base.sweeps;
  if (first === undefined || listed === undefined || last === undefined)
    throw new Error('the base has facts');
  const withEvent = (changes: object) => ({ ...base, events: [{ ...first, ...changes }, ...rest] });
  const withSweep = (changes: object) => ({ ...base, sweeps: [{ ...listed, ...changes }, last] });

  test('is what the digest makes of the inputs', () => {
    expect(calculateAttendance(base, SETTLED, (text) => `digest of ${text.length}`).inputsHash).toMatch(
      /^digest of \d+$/,
    );
  });

  test.each<[string, ClassFacts]>([
    ['the order of events', { ...base, events: base.events.toReversed() }],
    ['duplicates of events', { ...base, events: [...base.events, ...base.events] }],
    ['the order of sweeps', { ...base, sweeps: base.sweeps.toReversed() }],
    ['duplicates of sweeps', { ...base, sweeps: [...base.sweeps, listed] }],
    [
      'the order of what a sweep lists',
      withSweep({ connections: listed.connections.toReversed(), rooms: listed.rooms.toReversed() }),
    ],
    ['the order of the roster', { ...base, roster: base.roster.toReversed() }],
    ['the order of identities', { ...base, identities: base.identities.toReversed() }],
    ['a next class after the window', { ...base, nextClassStartMs: E + 31 * MIN }],
    ['the order of fields', withEvent(Object.fromEntries(Object.entries(first).reverse()))],
  ])('does not change with %s', (_, facts) => {
    expect(hash(facts)).toBe(hash(base));
  });

  test.each<[string, ClassFacts]>([
    ['the class', { ...base, classId: 'class-2' }],
    ['the provider', { ...base, provider: 'meet' }],
    ['the start', { ...base, startMs: S + 1 }],
    ['the end', { ...base, endMs: E + 1 }],
    ['the window as cut by the next class', { ...base, nextClassStartMs: E + 29 * MIN }],
    ['poll_seconds', { ...base, pollMs: 1 }],
    ['verify_seconds', { ...base, verifyMs: 1 }],
    ['grace_seconds', { ...base, graceMs: 1 }],
    ...Object.keys(base.policy).map((field): [string, ClassFacts] => [
      `the policy's ${field}`,
      { ...base, policy: { ...base.policy, [field]: 7 } },
    ]),
    ['the roster', { ...base, roster: base.roster.slice(1) }],
    ['a role', { ...base, roster: base.roster.map((entry) => ({ ...entry, role: 'student' as const })) }],
    ['a source', { ...base, sources: [] }],
    ['a declaration', { ...base, sources: base.sources.map((one) => ({ ...one, declaredComplete: false })) }],
    ['an identity', { ...base, identities: base.identities.slice(1) }],
    [
      'the state of an identity',
      { ...base, identities: base.identities.map((one) => ({ ...one, state: 'dismissed' as const })) },
    ],
    [
      'whom an identity is',
      { ...base, identities: base.identities.map((one) => ({ ...one, personId: BASMA })) },
    ],
    [
      'whether an identity is human',
      { ...base, identities: base.identities.map((one) => ({ ...one, human: false })) },
    ],
    ['an event', { ...base, events: rest }],
    ['a sweep', { ...base, sweeps: [listed] }],
    ...[
      ['source', 'meet'],
      ['sourceEventId', 'other'],
      ['id', 'other'],
      ['kind', 'seen'],
      ['atMs', 7],
      ['joinedAtMs', 7],
      ['untilMs', 7],
      ['connection', 'other'],
      ['room', 'other'],
      ['personId', 'other'],
      ['identity', 'other'],
      ['reason', 'other'],
    ].map(([field, value]): [string, ClassFacts] => [
      `an event's ${field}`,
      withEvent({ [String(field)]: value }),
    ]),
    ...Object.entries({
      source: 'meet',
      id: 'other',
      atMs: 7,
      ok: false,
      scope: 'all',
      roomExisted: false,
      rooms: [],
      connections: [listing(AMAL, 0, null)],
    }).map(([field, value]): [string, ClassFacts] => [`a sweep's ${field}`, withSweep({ [field]: value })]),
    ...Object.entries({ connection: 'other', room: 'other', identity: 'other', startMs: 7, endMs: 7 }).map(
      ([field, value]): [string, ClassFacts] => [
        `a listed connection's ${field}`,
        withSweep({ connections: listed.connections.map((one) => ({ ...one, [field]: value })) }),
      ],
    ),
    ...Object.entries({ room: 'other', startMs: 7, endMs: 7 }).map(([field, value]): [string, ClassFacts] => [
      `a listed room's ${field}`,
      withSweep({ rooms: listed.rooms.map((one) => ({ ...one, [field]: value })) }),
    ]),
  ])('changes with %s', (_, facts) => {
    expect(hash(facts)).not.toBe(hash(base));
  });
});

describe('speed', () => {
  /** Ten reconnects each: a hundred events for five people, or more. */
  const busy = (people: number, sweeps: number): ClassFacts => {
    const names = Array.from({ length: people }, (_, index) => `p${index}`);
    return classFacts({
      roster: names.map((personId, index) => ({ personId, role: index === 0 ? 'teacher' : 'student' })),
      identities: names.map((name) => ({
        source: 'livekit',
        identity: name,
        state: 'matched',
        personId: name,
        human: true,
      })),
      events: names.flatMap((name) =>
        [0, 1, 2, 3, 4].flatMap((part) => stay(name, part * 10 * MIN, (part + 1) * 10 * MIN - 30 * SEC)),
      ),
      sweeps: Array.from({ length: sweeps }, (_, index) => sweep(index * 2 * MIN, names)),
    });
  };
  const msOf = (facts: ClassFacts, times: number) => {
    const began = performance.now();
    for (let i = 0; i < times; i += 1) calculateAttendance(facts, SETTLED, (text) => text);
    return (performance.now() - began) / times;
  };

  test('grows with the evidence, not with its square', () => {
    const small = busy(30, 10);
    const large = busy(300, 10);
    msOf(small, 20);
    // Ten times the people; a hundred times the work would show. Wide, because the machine may be busy.
    expect(msOf(large, 3)).toBeLessThan(40 * Math.max(1, msOf(small, 20)));
  });
});
