import { describe, expect, test } from 'vitest';
import { connections } from './connections.ts';
import type { EvidenceEvent, Moment } from './facts.ts';
import { AMAL, classFacts, E, event, HOUR, MIN, record, S, SEC, SETTLED } from './test-facts.ts';

type Changes = Parameters<typeof event>[3];

const sign = (kind: EvidenceEvent['kind'], ms: number, changes: Changes = {}) =>
  event(kind, AMAL, ms, { source: 'whiteboard', room: null, ...changes });

function found(events: EvidenceEvent[], moment: Moment = SETTLED) {
  return connections(classFacts({ provider: 'whiteboard', events }), moment)
    .map(({ beginMs, endMs, mark }) => [beginMs === null ? null : beginMs - S, endMs - S, mark])
    .sort((a, b) => Number(a[0]) - Number(b[0]));
}

// With a connection of its own, and on the default connection.
describe.each([
  ['own', {}],
  ['default', { connection: null }],
])('on a connection (%s)', (_, given: Changes) => {
  const at = (kind: EvidenceEvent['kind'], ms: number, changes: Changes = {}) =>
    sign(kind, ms, { ...given, ...changes });

  test('signs of life 45 s apart are one connection', () => {
    expect(found([at('joined', 0), at('heartbeat', 45 * SEC), at('seen', 90 * SEC)])).toEqual([
      [0, 90 * SEC, 'inferred'],
    ]);
  });

  test('signs of life 45.001 s apart are two', () => {
    expect(found([at('joined', 0), at('heartbeat', 45 * SEC + 1)])).toEqual([
      [0, 0, 'inferred'],
      [45 * SEC + 1, 45 * SEC + 1, 'inferred'],
    ]);
  });

  test('a span of heartbeats is a sign of life throughout', () => {
    const events = [
      at('heartbeat', 0, { untilMs: S + 10 * MIN }),
      at('heartbeat', 5 * MIN, { untilMs: S + 8 * MIN }),
    ];
    expect(found([...events, at('seen', 10 * MIN + 45 * SEC)])).toEqual([
      [0, 10 * MIN + 45 * SEC, 'inferred'],
    ]);
  });

  test('a disconnect up to 45 s after the last sign ends it', () => {
    expect(found([at('joined', 0), at('left', 45 * SEC)])).toEqual([[0, 45 * SEC, 'told']]);
  });

  test('a later disconnect ends nothing: the connection was lost', () => {
    expect(found([at('joined', 0), at('left', 45 * SEC + 1)])).toEqual([[0, 0, 'inferred']]);
  });

  test('a disconnect ends the part before it, not the one after', () => {
    const events = [
      at('joined', 0),
      at('left', 10 * SEC),
      at('joined', 5 * MIN),
      at('seen', 5 * MIN + 30 * SEC),
    ];
    expect(found(events)).toEqual([
      [0, 10 * SEC, 'told'],
      [5 * MIN, 5 * MIN + 30 * SEC, 'inferred'],
    ]);
  });

  test('a disconnect without any sign before it has no beginning', () => {
    expect(found([at('left', 10 * SEC), at('joined', 5 * MIN)])).toContainEqual([
      null,
      10 * SEC,
      'estimated',
    ]);
  });

  test('what tells its beginning is a sign of life like any other', () => {
    expect(found([at('joined', 40 * SEC, { joinedAtMs: S }), at('left', 50 * SEC)])).toEqual([
      [0, 50 * SEC, 'told'],
    ]);
    expect(found([at('left', MIN, { joinedAtMs: S })])).toEqual([[0, 0, 'inferred']]);
  });

  test('last not before the end of the window covers it', () => {
    const late = [at('heartbeat', 0, { untilMs: E }), at('seen', HOUR)];
    expect(found(late)).toEqual([[0, HOUR, 'told']]);
  });

  test('live it reaches to now for 45 s after its last sign', () => {
    const live = (ms: number): Moment => ({ kind: 'live', nowMs: S + ms });
    expect(found([at('joined', 0)], live(45 * SEC))).toEqual([[0, 45 * SEC, 'open']]);
    expect(found([at('joined', 0)], live(45 * SEC + 1))).toEqual([[0, 0, 'inferred']]);
  });
});

test('a room that closes bounds nothing: the last sign is the end', () => {
  const closed = sign('room_closed', 30 * SEC, { connection: null, identity: null });
  expect(found([sign('joined', 0), closed])).toEqual([[0, 0, 'inferred']]);
});

test('presence is what the parts add up to', () => {
  const beats = (from: number, to: number) => sign('heartbeat', from, { untilMs: S + to });
  const events = [beats(0, 10 * MIN), beats(20 * MIN, 40 * MIN), sign('left', 40 * MIN)];
  expect(record({ provider: 'whiteboard', sources: [], events })).toMatchObject({
    presentSeconds: 1800,
    interruptions: 1,
    flags: ['inferred'],
    confidence: 'medium',
    status: 'partial',
    isFinal: true,
  });
});
