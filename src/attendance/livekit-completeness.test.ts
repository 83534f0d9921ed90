import { describe, expect, test } from 'vitest';
import type { ClassFacts, EvidenceEvent, Sweep } from './facts.ts';
import {
  AMAL,
  calculate,
  DAY,
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
} from './test-facts.ts';

const CHECK = 120 * SEC;

const opened = (ms: number, room = 'room-1') =>
  event('room_opened', '', ms, { connection: null, identity: null, room });
const closed = (ms: number, room = 'room-1') =>
  event('room_closed', '', ms, { connection: null, identity: null, room });

/** A sweep every two minutes of the lesson, from the first check on. */
const swept = (from = CHECK, to = HOUR - 1, every = CHECK): Sweep[] => {
  const sweeps: Sweep[] = [];
  for (let ms = from; ms <= to; ms += every) sweeps.push(sweep(ms));
  return sweeps;
};

function missing(facts: { events?: EvidenceEvent[]; sweeps?: Sweep[] } & Partial<ClassFacts>): string[] {
  return calculate({ sources: [], ...facts }).missing.map((gap) => gap.code);
}

describe('ended', () => {
  const heard = swept();

  test('when every instance has closed and there was one', () => {
    expect(missing({ events: [closed(HOUR)], sweeps: heard })).toEqual([]);
    expect(missing({ events: [closed(HOUR), opened(HOUR - MIN, 'room-2')], sweeps: heard })).toEqual([
      'livekit_not_ended',
    ]);
    expect(missing({ sweeps: heard })).toEqual(['livekit_not_ended']);
  });

  test('an instance is known from any event that names it', () => {
    const events = [closed(HOUR), ...stay(AMAL, 0, MIN, { room: 'room-2' })];
    expect(missing({ events, sweeps: heard })).toEqual(['livekit_not_ended']);
  });

  test('an instance is known from a sweep, and may be seen closed there', () => {
    const listed = (endMs: number | null) =>
      sweep(MIN, [], { rooms: [{ room: 'room-2', startMs: S, endMs }] });
    expect(missing({ events: [closed(HOUR)], sweeps: [...heard, listed(null)] })).toEqual([
      'livekit_not_ended',
    ]);
    expect(missing({ events: [closed(HOUR)], sweeps: [...heard, listed(E)] })).toEqual([]);
    const participant = sweep(MIN, [AMAL]);
    expect(missing({ events: [closed(HOUR, 'room-2')], sweeps: [...heard, participant] })).toEqual([
      'livekit_not_ended',
    ]);
  });

  test.each([
    [HOUR - 1, true, ['livekit_not_ended']],
    [HOUR, true, []],
    [HOUR, false, []],
    [HOUR + 7 * DAY, false, []],
    [HOUR + 7 * DAY + 1, false, ['livekit_not_ended']],
    [HOUR + 7 * DAY + 1, true, []],
  ])('when a sweep at %i with the room there (%s) succeeded', (ms, roomExisted, expected) => {
    expect(missing({ sweeps: [...heard, sweep(ms, [], { roomExisted })] })).toEqual(expected);
  });

  test('the end is that of the counting window', () => {
    const musa = { policy: policy('musa') };
    expect(missing({ ...musa, sweeps: [...heard, sweep(90 * MIN - 1)] })).toEqual(['livekit_not_ended']);
    expect(missing({ ...musa, sweeps: [...heard, sweep(90 * MIN)] })).toEqual([]);
  });

  test('not by a sweep that failed, or of another source', () => {
    expect(missing({ sweeps: [...heard, sweep(HOUR, [], { ok: false })] })).toEqual(['livekit_not_ended']);
    expect(missing({ sweeps: [...heard, sweep(HOUR, [], { source: 'meet' })] })).toEqual([
      'livekit_not_ended',
    ]);
  });

  test('not by the closing of a room of another source', () => {
    const other = { ...closed(HOUR), source: 'zoom' };
    expect(missing({ events: [other], sweeps: heard })).toEqual(['livekit_not_ended']);
  });
});

describe('heard', () => {
  const end = sweep(HOUR);
  const at = (...instants: number[]) => instants.map((ms) => sweep(ms));

  test('when the longest silence in the lesson is at most 5 × verify_seconds', () => {
    expect(missing({ sweeps: [...swept(10 * MIN, HOUR - 1, 10 * MIN), end] })).toEqual([]);
    expect(missing({ sweeps: [...at(10 * MIN + 1), ...swept(20 * MIN, HOUR - 1, 10 * MIN), end] })).toEqual([
      'livekit_not_heard',
    ]);
    expect(missing({ sweeps: [...swept(10 * MIN, 40 * MIN, 10 * MIN), ...at(50 * MIN - 1), end] })).toEqual([
      'livekit_not_heard',
    ]);
    expect(
      missing({ sweeps: [...swept(10 * MIN, 30 * MIN, 10 * MIN), ...at(40 * MIN + 1, 50 * MIN), end] }),
    ).toEqual(['livekit_not_heard']);
  });

  test('events of the room are heard like sweeps', () => {
    const sweeps = [...swept(10 * MIN, HOUR - 1, 10 * MIN).filter(({ atMs }) => atMs !== S + 30 * MIN), end];
    expect(missing({ sweeps })).toEqual(['livekit_not_heard']);
    expect(missing({ sweeps, events: [event('joined', AMAL, 30 * MIN)] })).toEqual([]);
    expect(missing({ sweeps, events: [event('joined', AMAL, 30 * MIN, { source: 'zoom' })] })).toEqual([
      'livekit_not_heard',
    ]);
  });

  test('a merged span of heartbeats is heard throughout', () => {
    const beats = (from: number, to: number) => event('heartbeat', AMAL, from, { untilMs: S + to });
    expect(missing({ events: [beats(10 * MIN, 50 * MIN)], sweeps: [end] })).toEqual([]);
    expect(missing({ events: [beats(10 * MIN, 50 * MIN - 1)], sweeps: [end] })).toEqual([
      'livekit_not_heard',
    ]);
    expect(missing({ events: [beats(-MIN, 2 * HOUR)], sweeps: [end] })).toEqual([]);
  });

  test('sweeps that failed are not', () => {
    const failed = swept(10 * MIN, HOUR - 1, 10 * MIN).map((one) => ({ ...one, ok: false }));
    expect(missing({ sweeps: [...failed, end] })).toEqual(['livekit_not_heard']);
  });

  test('a silence that is the whole of a short lesson is too long', () => {
    const short = { endMs: S + 5 * MIN };
    expect(missing({ ...short, sweeps: at(-1, 5 * MIN) })).toEqual(['livekit_not_heard']);
    expect(missing({ ...short, sweeps: at(0, 5 * MIN) })).toEqual([]);
    expect(missing({ ...short, sweeps: at(5 * MIN - 1, 5 * MIN) })).toEqual([]);
  });

  test('the overrun may be silent', () => {
    const musa = { policy: policy('musa') };
    expect(missing({ ...musa, sweeps: [...swept(10 * MIN, HOUR - 1, 10 * MIN), sweep(90 * MIN)] })).toEqual(
      [],
    );
  });
});

describe('a log that is whole in itself', () => {
  const whole = [opened(-MIN), ...stay(AMAL, 0, HOUR), closed(HOUR)];

  test('needs no sweeps', () => {
    expect(missing({ events: whole })).toEqual([]);
    expect(calculate({ sources: [], events: whole }).isComplete).toBe(true);
    expect(record({ sources: [], events: whole })).toMatchObject({
      status: 'present',
      isFinal: true,
      flags: [],
    });
  });

  const without = (kind: string) => whole.filter((one) => one.kind !== kind);
  test.each([
    ['without the start of an instance', without('room_opened'), ['livekit_not_heard']],
    ['without the end of an instance', without('room_closed'), ['livekit_not_ended', 'livekit_not_heard']],
    ['without a left for a joined', without('left'), ['livekit_not_heard']],
    ['without any human', [opened(-MIN), closed(HOUR)], ['livekit_not_heard']],
    ['with a second instance without its start', [...whole, closed(HOUR, 'room-2')], ['livekit_not_heard']],
    [
      'with only somebody who came and went before the lesson',
      [opened(-MIN), ...stay(AMAL, -MIN, -SEC), closed(HOUR)],
      ['livekit_not_heard'],
    ],
    [
      'with a joined of the same connection in another source only',
      [...without('left'), event('left', AMAL, HOUR, { source: 'zoom', connection: `${AMAL}-0-${HOUR}` })],
      ['livekit_not_heard'],
    ],
  ])('is not one %s', (_, events, expected) => {
    expect(missing({ events })).toEqual(expected);
  });

  test('may have an aborted for a left, and a left that tells the joined that was lost', () => {
    const aborted = event('aborted', AMAL, HOUR, { connection: `${AMAL}-0-${HOUR}` });
    expect(missing({ events: [...without('left'), aborted] })).toEqual([]);
    const told = event('left', AMAL, HOUR, { joinedAtMs: S });
    expect(missing({ events: [opened(-MIN), told, closed(HOUR)] })).toEqual([]);
  });

  test('is not one when a sweep lists somebody of whom it knows nothing', () => {
    expect(missing({ events: whole, sweeps: [sweep(MIN, ['stranger'])] })).toEqual(['livekit_not_heard']);
  });

  test('is one when a sweep lists somebody of whom only the left told, with the joined that was lost', () => {
    const told = [opened(-MIN), event('left', AMAL, HOUR, { joinedAtMs: S }), closed(HOUR)];
    expect(missing({ events: told, sweeps: [sweep(MIN, [AMAL])] })).toEqual([]);
    expect(record({ sources: [], events: told, sweeps: [sweep(MIN, [AMAL])] }).flags).toEqual([]);
  });

  test('machines are no humans, but their joined wants its left too', () => {
    const identities = [{ source: 'livekit', identity: 'agent', state: 'unmatched' as const, human: false }];
    expect(missing({ identities, events: [opened(-MIN), ...stay('agent', 0, HOUR), closed(HOUR)] })).toEqual([
      'livekit_not_heard',
    ]);
    expect(missing({ identities, events: [...whole, event('joined', 'agent', 0)] })).toEqual([
      'livekit_not_heard',
    ]);
  });
});
