import { describe, expect, test } from 'vitest';
import { connections, type Mark } from './connections.ts';
import type { ClassFacts } from './facts.ts';
import {
  AMAL,
  BASMA,
  classFacts,
  E,
  event,
  HOUR,
  listing,
  MIN,
  meetAnswer,
  record,
  S,
  SEC,
  SETTLED,
  stay,
  sweep,
} from './test-facts.ts';

/** The connections of the evidence as offsets from the start. */
function found(changes: Partial<ClassFacts>, nowMs?: number) {
  return connections(
    classFacts(changes),
    nowMs === undefined ? SETTLED : { kind: 'live', nowMs: S + nowMs },
  ).map(({ beginMs, endMs, mark }) => [beginMs === null ? null : beginMs - S, endMs - S, mark]);
}

describe('the beginning of a connection', () => {
  const rules: [string, Partial<ClassFacts>, number][] = [
    [
      'is its first proof of life',
      { events: [event('seen', AMAL, 2 * MIN), event('heartbeat', AMAL, MIN), event('left', AMAL, 5 * MIN)] },
      MIN,
    ],
    [
      'is joinedAt if that is earlier',
      {
        events: [
          event('joined', AMAL, 2 * MIN, { joinedAtMs: S + MIN }),
          event('left', AMAL, 5 * MIN, { joinedAtMs: S + 3 * MIN }),
        ],
      },
      MIN,
    ],
    [
      'is not joinedAt if that is later',
      { events: [event('joined', AMAL, MIN, { joinedAtMs: S + 2 * MIN }), event('left', AMAL, 5 * MIN)] },
      MIN,
    ],
    [
      'is what the left tells when there is no joined',
      { events: [event('left', AMAL, 5 * MIN, { joinedAtMs: S - MIN })] },
      -MIN,
    ],
    [
      'is what a listing tells',
      { sweeps: [sweep(2 * MIN, [], { connections: [listing(AMAL, MIN, null)] })] },
      MIN,
    ],
    [
      'is what a listing tells also when it came while the listing was made',
      { sweeps: [sweep(2 * MIN, [], { connections: [listing(AMAL, 2 * MIN + SEC, null)] })] },
      2 * MIN + SEC,
    ],
  ];
  test.each(rules)('%s', (_, facts, begin) => {
    expect(found(facts)).toEqual([[begin, expect.anything(), expect.anything()]]);
  });

  test('a joinedAt of 0 is no joinedAt', () => {
    expect(found({ events: [event('left', AMAL, 5 * MIN, { joinedAtMs: 0 })] })).toEqual([
      [null, 5 * MIN, 'estimated'],
    ]);
  });
});

describe('the end of a connection with a left', () => {
  const rules: [string, ClassFacts['events'], number][] = [
    ['is the left', [event('joined', AMAL, 0), event('left', AMAL, 5 * MIN)], 5 * MIN],
    [
      'is the latest of its lefts',
      [event('left', AMAL, 5 * MIN), event('joined', AMAL, 0), event('left', AMAL, 4 * MIN)],
      5 * MIN,
    ],
    [
      'is never below its last proof of life',
      [event('joined', AMAL, 0), event('left', AMAL, 5 * MIN), event('seen', AMAL, 6 * MIN)],
      6 * MIN,
    ],
    [
      'reaches to the end of a span of heartbeats',
      [
        event('joined', AMAL, 0),
        event('heartbeat', AMAL, MIN, { untilMs: S + 7 * MIN }),
        event('left', AMAL, 5 * MIN),
      ],
      7 * MIN,
    ],
    ['may be an aborted', [event('joined', AMAL, 0), event('aborted', AMAL, 5 * MIN)], 5 * MIN],
    [
      'may be an aborted after a left that tells the beginning',
      [event('left', AMAL, 3 * MIN, { joinedAtMs: S }), event('aborted', AMAL, 5 * MIN)],
      5 * MIN,
    ],
  ];
  test.each(rules)('%s', (_, events, end) => {
    expect(found({ events })).toEqual([[0, end, 'told']]);
  });

  test('a listing with an end is a left', () => {
    const sweeps = [meetAnswer(10 * MIN, [listing(AMAL, 0, 5 * MIN)])];
    expect(found({ sweeps })).toEqual([[0, 5 * MIN, 'told']]);
  });

  test('an aborted alone is no presence, whatever it tells of its beginning', () => {
    expect(found({ events: [event('aborted', AMAL, 5 * MIN)] })).toEqual([]);
    expect(found({ events: [event('aborted', AMAL, 5 * MIN, { joinedAtMs: S })] })).toEqual([]);
  });

  test('a left without a beginning has none, and an aborted does not give it one', () => {
    const events = [event('left', AMAL, 5 * MIN), event('aborted', AMAL, 6 * MIN, { joinedAtMs: S })];
    expect(found({ events })).toEqual([[null, 5 * MIN, 'estimated']]);
  });
});

describe('the end of a connection without a left', () => {
  const joined = event('joined', AMAL, 0);
  const seen = (ms: number) => event('seen', AMAL, ms);
  const closed = (ms: number) => event('room_closed', AMAL, ms, { connection: null, identity: null });
  const CHECK = 120 * SEC;
  const rules: [string, Partial<ClassFacts>, number, Mark][] = [
    ['covers the window when last is its end', { events: [joined, seen(HOUR)] }, HOUR, 'told'],
    [
      'covers the window although the room closed at once',
      { events: [joined, seen(HOUR), closed(HOUR + SEC)] },
      HOUR,
      'told',
    ],
    ['is open when last is 1 ms before the end', { events: [joined, seen(HOUR - 1)] }, HOUR - 1, 'open'],
    [
      'is last when a sweep 2 × check later does not list it',
      { events: [joined, seen(MIN)], sweeps: [sweep(MIN + 2 * CHECK)] },
      MIN,
      'inferred',
    ],
    [
      'is an estimate when that sweep is 1 ms later',
      { events: [joined, seen(MIN)], sweeps: [sweep(MIN + 2 * CHECK + 1)] },
      MIN,
      'estimated',
    ],
    [
      'is the closing of its room 2 × check later',
      { events: [joined, seen(MIN), closed(MIN + 2 * CHECK)] },
      MIN + 2 * CHECK,
      'inferred',
    ],
    [
      'is last when the closing is 1 ms later',
      { events: [joined, seen(MIN), closed(MIN + 2 * CHECK + 1)] },
      MIN,
      'estimated',
    ],
    [
      'is not bounded by the closing of another instance',
      {
        events: [
          joined,
          event('room_closed', AMAL, MIN, { connection: null, identity: null, room: 'room-2' }),
        ],
      },
      0,
      'open',
    ],
    [
      'is last when the closing is before last',
      { events: [joined, seen(5 * MIN), closed(4 * MIN)] },
      5 * MIN,
      'inferred',
    ],
    [
      'follows the earliest bound: a sweep before the closing',
      { events: [joined, closed(3 * MIN)], sweeps: [sweep(2 * MIN)] },
      0,
      'inferred',
    ],
    [
      'follows the earliest bound: the closing before a sweep',
      { events: [joined, closed(2 * MIN)], sweeps: [sweep(3 * MIN)] },
      2 * MIN,
      'inferred',
    ],
    [
      'does not look at a failed sweep',
      { events: [joined], sweeps: [sweep(2 * MIN, [], { ok: false })] },
      0,
      'open',
    ],
    [
      'does not look at a sweep that shows the connection coming in',
      {
        events: [joined, seen(MIN)],
        sweeps: [sweep(MIN + SEC, [], { joining: [`${AMAL}-1`] }), sweep(MIN + 2 * CHECK + 1)],
      },
      MIN,
      'estimated',
    ],
    [
      'has no other bound when each sweep shows the connection coming in',
      { events: [joined, seen(MIN)], sweeps: [sweep(MIN + SEC, [], { joining: [`${AMAL}-1`] })] },
      MIN,
      'open',
    ],
    [
      'looks at a sweep that shows another connection coming in',
      { events: [joined, seen(MIN)], sweeps: [sweep(MIN + SEC, [], { joining: [`${AMAL}-2`] })] },
      MIN,
      'inferred',
    ],
    [
      'does not look at a sweep at the instant of last',
      { events: [joined, seen(2 * MIN)], sweeps: [sweep(2 * MIN)] },
      2 * MIN,
      'open',
    ],
    [
      'does not look at a sweep of another source',
      { events: [joined], sweeps: [sweep(MIN, [], { source: 'zoom' })] },
      0,
      'open',
    ],
    [
      'has no proof of life in a failed sweep',
      { events: [joined], sweeps: [sweep(2 * MIN, [AMAL], { ok: false })] },
      0,
      'open',
    ],
    [
      'is pushed on by every sweep that lists it',
      { events: [joined], sweeps: [sweep(2 * MIN, [AMAL]), sweep(4 * MIN, [AMAL]), sweep(6 * MIN, [BASMA])] },
      4 * MIN,
      'inferred',
    ],
    [
      'takes the closing of an instance from a sweep too',
      {
        events: [joined],
        sweeps: [sweep(3 * MIN, [AMAL], { rooms: [{ room: 'room-1', startMs: S, endMs: S + 4 * MIN }] })],
      },
      4 * MIN,
      'inferred',
    ],
    [
      'is not before its beginning, where it came while the last listing was made',
      { sweeps: [sweep(-SEC, [], { connections: [listing(AMAL, 0, null)] })] },
      0,
      'open',
    ],
    [
      'covers the window when it came after its end, while the listing was made',
      { events: [joined], sweeps: [sweep(HOUR - SEC, [], { connections: [listing(AMAL, HOUR, null)] })] },
      HOUR,
      'told',
    ],
    ['is open without a bound', { events: [joined, seen(MIN)] }, MIN, 'open'],
  ];
  test.each(rules)('%s', (_, facts, end, mark) => {
    expect(found(facts).find(([begin]) => begin === 0)).toEqual([0, end, mark]);
  });

  test('for Meet a sweep that does not list it is no bound', () => {
    const events = [event('joined', AMAL, 0, { source: 'meet' })];
    expect(found({ events, sweeps: [sweep(2 * MIN, [], { source: 'meet' })] })).toEqual([[0, 0, 'open']]);
  });

  test('one more sighting in another instance, or in none, takes no time away', () => {
    const closedIn = (room: string | null, ms: number) =>
      event('room_closed', AMAL, ms, { connection: null, identity: null, room });
    const events = [joined, closed(4 * MIN), closedIn('room-2', 2 * MIN), closedIn('room-3', HOUR)];
    expect(found({ events })).toEqual([[0, 4 * MIN, 'inferred']]);
    for (const room of ['room-2', 'room-3', null]) {
      const more = [...events, event('seen', AMAL, SEC, { room })];
      expect(found({ events: more })).toEqual([[0, 4 * MIN, 'inferred']]);
    }
    const nowhere = [event('joined', AMAL, 0, { room: null }), closedIn(null, 4 * MIN)];
    expect(found({ events: [...nowhere, seen(SEC)] })).toEqual([[0, 4 * MIN, 'inferred']]);
    const swept = { events: [...events, event('seen', AMAL, SEC, { room: 'room-2' })] };
    expect(found({ ...swept, sweeps: [sweep(3 * MIN)] })).toEqual([[0, 2 * MIN, 'inferred']]);
  });

  test('of two closings told at one instant the event is behind the record, and a removal goes first', () => {
    const at = { connection: null, identity: null };
    const told = closed(4 * MIN);
    const listed = sweep(5 * MIN, [], { rooms: [{ room: 'room-1', startMs: S, endMs: S + 4 * MIN }] });
    expect(record({ events: [joined, told], sweeps: [listed] }).eventIds).toEqual([joined.id, told.id]);
    const deleted = event('room_closed', AMAL, 4 * MIN, { ...at, reason: 'ROOM_DELETED' });
    const back = stay(AMAL, 4 * MIN + 30 * SEC, 6 * MIN);
    const facts = { events: [joined, told, deleted, ...back], sweeps: [listed] };
    expect(record(facts).bridgedSeconds).toBe(0);
    expect(record({ ...facts, events: [...facts.events, seen(4 * MIN)] }).bridgedSeconds).toBe(0);
  });

  test.each([
    [360 * SEC, 360 * SEC, 'inferred'],
    [360 * SEC + 1, 0, 'estimated'],
  ])('for Meet the check is poll_seconds: a closing %i ms later', (closing, end, mark) => {
    const sweeps = [
      meetAnswer(0, [listing(AMAL, 0, null)]),
      meetAnswer(10 * MIN, [], [{ startMs: S, endMs: S + closing }]),
    ];
    expect(found({ sweeps })).toEqual([[0, end, mark]]);
  });

  test('a room without an id closes those that name no room, at the first closing that is not before last', () => {
    const nowhere = { room: null, source: 'zoom' };
    const close = (ms: number) =>
      event('room_closed', AMAL, ms, { ...nowhere, connection: null, identity: null });
    const events = [event('joined', AMAL, 4 * MIN, nowhere), close(3 * MIN), close(6 * MIN)];
    expect(found({ events })).toEqual([[4 * MIN, 6 * MIN, 'inferred']]);
    expect(found({ events: [...events, close(4 * MIN)] })).toEqual([[4 * MIN, 4 * MIN, 'inferred']]);
  });
});

describe('live', () => {
  test('an open connection reaches to now', () => {
    expect(found({ events: [event('joined', AMAL, 0)] }, 20 * MIN)).toEqual([[0, 20 * MIN, 'open']]);
  });
  test('a connection with a bound does not', () => {
    const facts = { events: [event('joined', AMAL, 0)], sweeps: [sweep(2 * MIN)] };
    expect(found(facts, 20 * MIN)).toEqual([[0, 0, 'inferred']]);
  });
  test('a connection that has left does not', () => {
    expect(found({ events: stay(AMAL, 0, MIN) }, 20 * MIN)).toEqual([[0, MIN, 'told']]);
  });
  test('one that is seen after the end is still connected', () => {
    const facts = { events: [event('joined', AMAL, 0), event('seen', AMAL, HOUR)] };
    expect(found(facts, HOUR + MIN)).toEqual([[0, HOUR + MIN, 'told']]);
    expect(record(facts, AMAL, { kind: 'live', nowMs: E + MIN }).lastLeaveMs).toBeNull();
  });
});

describe('pairing', () => {
  test('goes by connection, never by who it was: two devices are two connections', () => {
    const events = [
      event('joined', AMAL, 0, { connection: 'phone' }),
      event('joined', AMAL, MIN, { connection: 'laptop' }),
      event('left', AMAL, 2 * MIN, { connection: 'phone' }),
      event('left', AMAL, 3 * MIN, { connection: 'laptop' }),
    ];
    expect(found({ events })).toEqual([
      [0, 2 * MIN, 'told'],
      [MIN, 3 * MIN, 'told'],
    ]);
  });

  test('goes by source: the same key in two sources is two connections', () => {
    const events = [event('joined', AMAL, 0), event('left', AMAL, MIN, { source: 'zoom' })];
    expect(found({ events })).toEqual([
      [0, 0, 'open'],
      [null, MIN, 'estimated'],
    ]);
  });

  test('a left that names nobody belongs to whom its connection has', () => {
    const events = [
      event('joined', AMAL, 0),
      event('left', AMAL, MIN, { identity: null, connection: `${AMAL}-1` }),
    ];
    expect(found({ events })).toEqual([[0, MIN, 'told']]);
  });

  test('a connection that two persons claim is one for each, with what names nobody', () => {
    const shared = { connection: 'shared' };
    const events = [
      event('joined', AMAL, 0, shared),
      event('joined', BASMA, MIN, shared),
      event('left', AMAL, 5 * MIN, { ...shared, identity: null }),
    ];
    expect(found({ events })).toEqual([
      [0, 5 * MIN, 'told'],
      [MIN, 5 * MIN, 'told'],
    ]);
  });

  test('an unmatched name on a connection that also names a person is that person', () => {
    const events = [
      event('joined', 'stranger', 0, { connection: 'c' }),
      event('left', AMAL, 5 * MIN, { connection: 'c', personId: AMAL, identity: null }),
    ];
    expect(found({ events })).toEqual([[0, 5 * MIN, 'told']]);
    expect(record({ events }).presentSeconds).toBe(300);
  });

  test('two strangers on one connection are two', () => {
    const events = [
      event('joined', 'stranger', 0, { connection: 'c' }),
      event('joined', 'visitor', MIN, { connection: 'c' }),
      event('left', '', 5 * MIN, { connection: 'c', identity: null }),
    ];
    expect(found({ events })).toHaveLength(2);
  });

  test('what names neither somebody nor a connection is nobody', () => {
    expect(found({ events: [event('joined', '', 0, { connection: null, identity: null })] })).toEqual([]);
    expect(found({ events: [event('joined', '', 0, { identity: null })] })).toEqual([]);
  });

  test('machines are not there', () => {
    const identities = [{ source: 'livekit', identity: 'agent', state: 'unmatched' as const, human: false }];
    const facts = {
      identities,
      events: stay('agent', 0, HOUR),
      sweeps: [sweep(MIN, ['agent'])],
    };
    expect(found(facts)).toEqual([]);
  });
});
