import { expect, test } from 'vitest';
import { connections } from './connections.ts';
import type { EvidenceEvent } from './facts.ts';
import { AMAL, BASMA, classFacts, event, HOUR, MIN, policy, record, S, SETTLED, stay } from './test-facts.ts';

type Changes = Parameters<typeof event>[3];

const say = (kind: EvidenceEvent['kind'], ms: number, changes: Changes = {}, who = AMAL) =>
  event(kind, who, ms, { source: 'zoom', connection: null, room: null, ...changes });

function found(events: EvidenceEvent[]) {
  return connections(classFacts({ events }), SETTLED).map(({ beginMs, endMs, mark }) => [
    beginMs === null ? null : beginMs - S,
    endMs - S,
    mark,
  ]);
}

const TWO_STAYS = [say('joined', 0), say('left', 10), say('joined', 30), say('left', 50)];

test('joined, left, joined, left are two stays', () => {
  expect(found(TWO_STAYS)).toEqual([
    [0, 10, 'told'],
    [30, 50, 'told'],
  ]);
});

test('the order of arrival means nothing', () => {
  const sorted = found(TWO_STAYS);
  expect(found(TWO_STAYS.toReversed())).toEqual(sorted);
  expect(found([2, 0, 3, 1].flatMap((index) => TWO_STAYS[index] ?? []))).toEqual(sorted);
});

test('a duplicate of a joined is no second device', () => {
  const events = [...TWO_STAYS.map((one) => ({ ...one })), ...TWO_STAYS];
  const [first] = TWO_STAYS;
  const seconds = (of: EvidenceEvent[]) =>
    record({ events: of, policy: policy('musa', { bridgeMs: 0, minPresenceMs: 0 }) });
  expect(seconds(events)).toEqual(seconds(TWO_STAYS));
  expect(seconds(first === undefined ? [] : [...TWO_STAYS, { ...first }])).toEqual(seconds(TWO_STAYS));
});

test('two devices that overlap are one stay', () => {
  expect(found([say('joined', 0), say('joined', 5), say('left', 10), say('left', 50)])).toEqual([
    [0, 50, 'told'],
  ]);
});

test('a joined that was said twice needs no second left', () => {
  expect(found([say('joined', 0), say('joined', 5), say('left', 10)])).toEqual([[0, 10, 'told']]);
});

test('whatever follows the latest left is a connection of its own', () => {
  expect(found([say('joined', 0), say('joined', 5), say('left', 10), say('joined', 30)])).toEqual([
    [0, 10, 'told'],
    [30, 30, 'open'],
  ]);
});

test('a sighting opens what nothing has opened, and a joined after it is the one that was missed', () => {
  const missed = [say('seen', 0), say('joined', 5), say('left', 10), say('joined', 30), say('left', 50)];
  expect(found(missed)).toEqual([
    [0, 10, 'told'],
    [30, 50, 'told'],
  ]);
  const second = [say('seen', 0), say('joined', 5), say('joined', 6), say('left', 10), say('left', 50)];
  expect(found(second)).toEqual([[0, 50, 'told']]);
});

test('a joined or a sighting while connected changes nothing', () => {
  const events = [say('joined', 0), say('joined', 5), say('seen', 7), say('left', 10)];
  expect(found(events)).toEqual([[0, 10, 'told']]);
});

test('a sighting after a left is a new connection', () => {
  expect(found([say('joined', 0), say('left', 10), say('seen', 30), say('left', 50)])).toEqual([
    [0, 10, 'told'],
    [30, 50, 'told'],
  ]);
});

test('a left after a left has no beginning, and cannot have begun before the first', () => {
  const events = [say('joined', 0), say('left', 30 * MIN), say('left', HOUR)];
  expect(found(events)).toContainEqual([null, HOUR, 'estimated']);
  expect(record({ events })).toMatchObject({ status: 'unknown', presentSeconds: 1800 });
  const covered = [...events, ...stay(AMAL, 30 * MIN, HOUR)];
  expect(record({ events: covered }).status).toBe('present');
  const before = [say('left', 30 * MIN), say('left', 40 * MIN), ...stay(AMAL, 30 * MIN, 40 * MIN)];
  expect(record({ events: before }).status).toBe('unknown');
});

test('a left that tells its beginning has one', () => {
  const events = [say('joined', 0), say('left', 10), say('left', 50, { joinedAtMs: S + 30 })];
  expect(found(events)).toEqual([
    [0, 10, 'told'],
    [30, 50, 'told'],
  ]);
});

test('an aborted ends it like a left; alone it says nothing, not even when a left can have begun', () => {
  expect(found([say('joined', 0), say('aborted', 10), say('joined', 30), say('left', 50)])).toHaveLength(2);
  const events = [say('aborted', 30 * MIN), say('left', 40 * MIN), ...stay(AMAL, 30 * MIN, 40 * MIN)];
  expect(found([say('aborted', 10)])).toEqual([]);
  expect(record({ events }).status).toBe('unknown');
});

test('at one instant a sighting is before a left, and a left before a joined', () => {
  const at = (...kinds: EvidenceEvent['kind'][]) => kinds.map((kind) => say(kind, 10));
  expect(found([say('joined', 0), ...at('left', 'seen')])).toEqual([[0, 10, 'told']]);
  expect(found([say('joined', 0), ...at('joined', 'left'), say('left', 50)])).toEqual([
    [0, 10, 'told'],
    [10, 50, 'told'],
  ]);
  expect(found(at('left', 'joined'))).toEqual([[10, 10, 'told']]);
});

test('everybody has their own, in each source', () => {
  const events = [
    say('joined', 0),
    say('joined', 5, {}, BASMA),
    say('left', 10),
    say('left', 20, {}, BASMA),
    say('joined', 7, { source: 'diary', personId: AMAL }),
    say('joined', 0, {}, 'stranger'),
  ];
  expect(found(events)).toEqual([
    [0, 0, 'open'],
    [0, 10, 'told'],
    [5, 20, 'told'],
    [7, 7, 'open'],
  ]);
});

test('a person and the identities matched to them share one', () => {
  const events = [say('joined', 0), say('left', 10, { personId: AMAL, identity: null })];
  expect(found(events)).toEqual([[0, 10, 'told']]);
});

test('on the whiteboard a second disconnect has nothing to end', () => {
  const board = { source: 'whiteboard' };
  const events = [say('joined', 0, board), say('left', 10, board), say('left', 20, board)];
  expect(found(events)).toEqual([[0, 10, 'told']]);
});
