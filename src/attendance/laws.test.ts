import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ClassFacts, EvidenceEvent, Sweep } from './facts.ts';
import { clip, type Interval, total, union } from './intervals.ts';
import type { Preset } from './policy.ts';
import type { ClassAttendance } from './record.ts';
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
  S,
  SEC,
  stay,
  TEACHER,
} from './test-facts.ts';

// FC_SEED repeats a run; without it every run looks at other cases.
const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
console.info(`laws: FC_SEED=${seed}`);

function holds<T>(arbitrary: fc.Arbitrary<T>, runs: number, law: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, law), { seed, numRuns: runs });
}

const WHO = [TEACHER, AMAL, BASMA, 'stranger', 'agent'] as const;
const AGENT = { source: 'livekit', identity: 'agent', state: 'unmatched', human: false } as const;

// A coarse grid makes instants meet; a few milliseconds beside it find the edges.
const instant = fc
  .tuple(fc.integer({ min: -140, max: 280 }), fc.constantFrom(0, 0, 0, 0, 1, -1))
  .map(([steps, ms]) => steps * 15 * SEC + ms);
const who = fc.constantFrom(...WHO);
const source = fc.constantFrom('livekit', 'livekit', 'meet', 'zoom', 'whiteboard', 'diary');
const room = fc.constantFrom('room-1', 'room-2', null);
const connection = fc.constantFrom('a', 'b', null);
const sighting = fc.constantFrom('joined', 'seen', 'heartbeat');

/** A connection is named after who it is, so that two people never share one. */
const keyed = (identity: string, key: string | null) => (key === null ? null : `${identity}-${key}`);

interface Noise {
  removals: boolean;
  /** Events without a connection key. */
  defaults: boolean;
}

const looseEvent = ({ removals, defaults }: Noise): fc.Arbitrary<EvidenceEvent> =>
  fc
    .record({
      kind: fc.constantFrom('joined', 'left', 'aborted', 'seen', 'heartbeat'),
      who,
      at: instant,
      source,
      room,
      connection: defaults ? connection : fc.constantFrom('a', 'b'),
      spanMs: fc.constantFrom(0, 0, 15 * SEC, 10 * MIN),
      beforeMs: fc.constantFrom(null, null, null, 0, MIN, 10 * MIN),
      removed: removals ? fc.boolean() : fc.constant(false),
    })
    .map((it) =>
      event(it.kind as EvidenceEvent['kind'], it.who, it.at, {
        source: it.source,
        room: it.room,
        connection: keyed(it.who, it.connection),
        ...(it.kind === 'heartbeat' ? { untilMs: S + it.at + it.spanMs } : {}),
        ...(it.beforeMs === null ? {} : { joinedAtMs: S + it.at - it.beforeMs }),
        ...(it.removed ? { reason: 'PARTICIPANT_REMOVED' } : {}),
      }),
    );

/** Joined and left on a connection of its own. */
const wholeStay = (removals: boolean): fc.Arbitrary<EvidenceEvent[]> =>
  fc
    .record({ who, from: instant, steps: fc.integer({ min: 0, max: 160 }), source, removed: fc.boolean() })
    .map((it) =>
      stay(it.who, it.from, it.from + it.steps * 15 * SEC, {
        source: it.source,
        ...(removals && it.removed ? { reason: 'ROOM_DELETED' } : {}),
      }),
    );

const roomEvent: fc.Arbitrary<EvidenceEvent> = fc
  .record({
    kind: fc.constantFrom('room_opened' as const, 'room_closed' as const),
    at: instant,
    source,
    room,
  })
  .map((it) =>
    event(it.kind, '', it.at, { source: it.source, room: it.room, connection: null, identity: null }),
  );

const sweeps: fc.Arbitrary<Sweep[]> = fc.array(
  fc
    .record({
      at: instant,
      source: fc.constantFrom('livekit', 'meet'),
      ok: fc.constantFrom(true, true, true, false),
      scope: fc.constantFrom('present' as const, 'all' as const),
      listed: fc.array(
        fc.record({
          who,
          connection: fc.constantFrom('a', 'b'),
          startedMs: fc.constantFrom(0, MIN, 10 * MIN),
          ended: fc.boolean(),
        }),
        {
          maxLength: 4,
        },
      ),
      closedMs: fc.constantFrom(null, null, MIN, 10 * MIN),
    })
    .map((it) => ({
      id: `${it.source} ${it.at} ${JSON.stringify(it)}`,
      source: it.source,
      atMs: S + it.at,
      ok: it.ok,
      scope: it.scope,
      roomExisted: true,
      rooms: [{ room: 'room-1', startMs: S, endMs: it.closedMs === null ? null : S + it.at - it.closedMs }],
      connections: it.listed.map((one) => ({
        ...listing(one.who, it.at - one.startedMs, it.scope === 'all' && one.ended ? it.at : null),
        connection: `${one.who}-${one.connection}`,
      })),
    })),
  { maxLength: 4 },
);

const facts = (noise: Noise): fc.Arbitrary<ClassFacts> =>
  fc
    .record({
      provider: fc.constantFrom('meet' as const, 'livekit' as const, 'whiteboard' as const),
      preset: fc.constantFrom<Preset>('itqan', 'astegni', 'musa'),
      bridgeMs: fc.constantFrom(0, 60 * SEC, 60 * SEC, 10 * MIN),
      next: fc.constantFrom(null, HOUR, 70 * MIN),
      complete: fc.boolean(),
      loose: fc.array(looseEvent(noise), { maxLength: 14 }),
      stays: fc.array(wholeStay(noise.removals), { maxLength: 6 }),
      rooms: fc.array(roomEvent, { maxLength: 3 }),
      sweeps,
    })
    .map((it) =>
      classFacts({
        provider: it.provider,
        policy: policy(it.preset, { bridgeMs: it.bridgeMs }),
        nextClassStartMs: it.next === null ? null : S + it.next,
        sources: [
          { name: 'zoom', kind: 'in_call', declaredComplete: it.complete },
          { name: 'diary', kind: 'supporting', declaredComplete: false },
        ],
        identities: [...classFacts().identities, AGENT],
        events: [...it.loose, ...it.stays.flat(), ...it.rooms],
        sweeps: it.sweeps,
      }),
    );

const ANY = facts({ removals: true, defaults: true });
const NO_REMOVALS = facts({ removals: false, defaults: false });

/** All of a calculation that two ways of saying the same must agree on. */
function meaning({ people, stays, missing, isComplete }: ClassAttendance) {
  return { isComplete, missing, stays, people: people.map(({ eventIds: _, ...person }) => person) };
}

function presences(of: ClassFacts): Map<string, number> {
  return new Map(calculate(of).people.map((person) => [person.personId, person.presentSeconds]));
}

function expectNoneLower(before: ClassFacts, after: ClassFacts): void {
  const then = presences(after);
  for (const [personId, seconds] of presences(before)) {
    expect(then.get(personId), personId).toBeGreaterThanOrEqual(seconds);
  }
}

describe('the laws', () => {
  test('the order of everything changes nothing', () => {
    const shuffled = ANY.chain((given) =>
      fc.record({
        given: fc.constant(given),
        events: fc.shuffledSubarray(given.events, { minLength: given.events.length }),
        sweeps: fc.shuffledSubarray(given.sweeps, { minLength: given.sweeps.length }),
        roster: fc.shuffledSubarray(given.roster, { minLength: given.roster.length }),
        identities: fc.shuffledSubarray(given.identities, { minLength: given.identities.length }),
      }),
    );
    holds(shuffled, 2_000, ({ given, ...other }) => {
      expect(calculate({ ...given, ...other })).toEqual(calculate(given));
    });
  });

  test('duplicates change nothing', () => {
    const unkeyed = fc.array(
      fc.record({ kind: fc.constantFrom('joined' as const, 'left' as const), at: instant }),
      { maxLength: 8 },
    );
    const doubled = fc.tuple(ANY, unkeyed).chain(([any, more]) => {
      const extra = more.map(({ kind, at }) => event(kind, AMAL, at, { source: 'zoom', connection: null }));
      const given = { ...any, events: [...any.events, ...extra] };
      return fc.record({
        given: fc.constant(given),
        events: fc.subarray(given.events),
        sweeps: fc.subarray(given.sweeps),
      });
    });
    holds(doubled, 1_000, ({ given, events, sweeps: again }) => {
      const twice = { ...given, events: [...events, ...given.events], sweeps: [...given.sweeps, ...again] };
      expect(calculate(twice)).toEqual(calculate(given));
    });
  });

  test('splitting an interval at an instant changes nothing', () => {
    const split = fc.record({
      given: ANY,
      who,
      source: fc.constantFrom('livekit', 'meet', 'zoom'),
      from: instant,
      parts: fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 2, maxLength: 4 }),
      removed: fc.boolean(),
    });
    holds(split, 1_500, ({ given, who: identity, source: of, from, parts, removed }) => {
      const end = from + parts.reduce((sum, ms) => sum + ms, 0);
      const reason = removed ? { reason: 'PARTICIPANT_REMOVED' } : {};
      const whole = stay(identity, from, end, { source: of, connection: 'whole', ...reason });
      let begin = from;
      const pieces = parts.flatMap((ms, index) => {
        const last = index === parts.length - 1 ? reason : {};
        const piece = stay(identity, begin, begin + ms, {
          source: of,
          connection: `piece-${index}`,
          ...last,
        });
        begin += ms;
        return piece;
      });
      const add = (more: EvidenceEvent[]) =>
        meaning(calculate({ ...given, events: [...given.events, ...more] }));
      expect(add(pieces)).toEqual(add(whole));
    });
  });

  test('splitting a span of heartbeats at an instant changes nothing', () => {
    const split = fc.record({
      given: ANY,
      who,
      source,
      from: instant,
      a: fc.integer({ min: 0, max: 400_000 }),
      b: fc.integer({ min: 0, max: 400_000 }),
    });
    holds(split, 1_000, ({ given, who: identity, source: of, from, a, b }) => {
      const beat = (at: number, until: number) =>
        event('heartbeat', identity, at, { source: of, untilMs: S + until, connection: `${identity}-a` });
      const add = (more: EvidenceEvent[]) =>
        meaning(calculate({ ...given, events: [...given.events, ...more] }));
      expect(add([beat(from, from + a), beat(from + a, from + a + b)])).toEqual(
        add([beat(from, from + a + b)]),
      );
    });
  });

  test('more joins and sightings never lower presence', () => {
    const more = fc.record({
      given: NO_REMOVALS,
      added: fc.array(
        fc.record({
          kind: sighting,
          who,
          at: instant,
          source,
          room,
          connection: fc.constantFrom('a', 'b', 'c'),
        }),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
    });
    holds(more, 2_500, ({ given, added }) => {
      const events = added.map((it) =>
        event(it.kind as EvidenceEvent['kind'], it.who, it.at, {
          source: it.source,
          room: it.room,
          connection: `${it.who}-${it.connection}`,
        }),
      );
      expectNoneLower(given, { ...given, events: [...given.events, ...events] });
    });
  });

  test('more stays never lower presence', () => {
    holds(
      fc.tuple(NO_REMOVALS, fc.array(wholeStay(false), { minLength: 1, maxLength: 3 })),
      1_500,
      ([given, more]) => {
        expectNoneLower(given, { ...given, events: [...given.events, ...more.flat()] });
      },
    );
  });

  test('being listed once more, or seen coming in, never lowers presence', () => {
    const listed = NO_REMOVALS.filter((given) => given.sweeps.length > 0).chain((given) =>
      fc.record({
        given: fc.constant(given),
        index: fc.nat(given.sweeps.length - 1),
        who,
        key: fc.constantFrom('a', 'b', 'c'),
        startedMs: fc.constantFrom(0, 10 * MIN),
        joining: fc.boolean(),
      }),
    );
    holds(listed, 1_000, ({ given, index, who: identity, key, startedMs, joining }) => {
      const connection = `${identity}-${key}`;
      const seenIn = (sweep: Sweep): Sweep => {
        if (joining) return { ...sweep, joining: [connection] };
        const one = { ...listing(identity, sweep.atMs - S - startedMs, null), connection };
        return { ...sweep, connections: [...sweep.connections, one] };
      };
      const more = given.sweeps.map((sweep, at) => (at === index ? seenIn(sweep) : sweep));
      expectNoneLower(given, { ...given, sweeps: more });
    });
  });

  test('without connection keys more joins and stays never lower presence while every left has its joined', () => {
    const span = fc.tuple(instant, fc.integer({ min: 1, max: 100 })).map(([from, steps]) =>
      stay(AMAL, from, from + steps * 15 * SEC, { source: 'zoom', connection: null }).map((one, index) => ({
        ...one,
        id: `${from} ${steps} ${index}`,
        sourceEventId: `${from} ${steps} ${index}`,
      })),
    );
    const joined = instant.map((at) => event('joined', AMAL, at, { source: 'zoom', connection: null }));
    const more = fc.record({
      given: fc.array(span, { maxLength: 5 }),
      spans: fc.array(span, { maxLength: 2 }),
      joins: fc.array(joined, { maxLength: 2 }),
    });
    holds(more, 1_000, ({ given, spans, joins }) => {
      const events = given.flat();
      expectNoneLower(classFacts({ events }), classFacts({ events: [...events, ...spans.flat(), ...joins] }));
    });
  });

  test('a known end replaces an assumed one, never below the last proof of life', () => {
    const ended = fc.record({ life: fc.array(instant, { minLength: 1, maxLength: 4 }), left: instant });
    holds(ended, 500, ({ life, left }) => {
      const signs = life.map((at) => event('seen', AMAL, at));
      const [row] = calculate({ events: [...signs, event('left', AMAL, left)] }).stays;
      expect(row?.leaveMs).toBe(S + Math.max(left, ...life));
    });
  });

  test('presence is never more than the counting window', () => {
    holds(ANY, 500, (given) => {
      const { windowStartMs, windowEndMs, people } = calculate(given);
      for (const person of people) {
        expect(person.presentSeconds).toBeLessThanOrEqual((windowEndMs - windowStartMs) / 1000);
        expect(person.attendancePercentage).toBeLessThanOrEqual(100);
        expect(person.activeSeconds).toBeLessThanOrEqual(3600);
        expect(person.pairedSeconds + person.waitingSeconds).toBeLessThanOrEqual(person.presentSeconds);
      }
    });
  });

  test('without bridging presence is the clipped union, and the stays sum to presence less bridging', () => {
    holds(ANY, 1_000, (given) => {
      const got = calculate(given);
      const window = { startMs: got.windowStartMs, endMs: got.windowEndMs };
      const unbridged = calculate({ ...given, policy: { ...given.policy, bridgeMs: 0, minPresenceMs: 0 } });
      for (const person of got.people) {
        const own = got.stays.filter((row) => row.personId === person.personId);
        const counted = own.reduce((sum, row) => sum + row.countedMs, 0);
        expect(
          Math.abs(counted / 1000 - (person.presentSeconds - person.bridgedSeconds)),
        ).toBeLessThanOrEqual(1);
        const spans: Interval[] = own.map((row) => ({
          startMs: row.joinMs,
          endMs: row.leaveMs ?? row.joinMs,
        }));
        const plain = unbridged.people.find((other) => other.personId === person.personId);
        expect(plain?.presentSeconds).toBe(Math.floor(total(union(clip(spans, window))) / 1000));
      }
    });
  });

  test('the same inputs give the same record and hash; live views have no hash and settle nothing', () => {
    holds(fc.tuple(ANY, instant), 500, ([given, at]) => {
      expect(calculate(structuredClone(given))).toEqual(calculate(given));
      const live = calculate(given, { kind: 'live', nowMs: S + at });
      expect(live.inputsHash).toBeNull();
      expect(live.people.every((person) => person.status === 'pending' && !person.isFinal)).toBe(true);
    });
  });

  test('nobody is absent for want of evidence, and nobody else changes by one lost left', () => {
    holds(fc.tuple(ANY, instant), 1_000, ([given, at]) => {
      const got = calculate({
        ...given,
        sources: given.sources.map((one) => ({ ...one, declaredComplete: false })),
      });
      if (got.missing.some((gap) => gap.code !== 'meet_open_sessions')) {
        for (const { status } of got.people) expect(status).not.toBe('absent');
      }
      const settled = { ...given, sources: given.sources.map((one) => ({ ...one, declaredComplete: true })) };
      const lost = event('joined', BASMA, at, { source: 'zoom', connection: 'lost' });
      const status = (of: ClassFacts) =>
        calculate(of).people.find((person) => person.personId === AMAL)?.status;
      expect(status({ ...settled, events: [...settled.events, lost] })).toBe(status(settled));
    });
  });
});
