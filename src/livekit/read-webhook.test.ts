import { describe, expect, test } from 'vitest';
import { joinedAt, readDelivery } from './read-webhook.ts';
import { delivery } from './test-webhook.ts';

const NOW_MS = Date.parse('2026-11-21T04:10:00.000Z');
const read = (what: unknown) => readDelivery(Buffer.from(JSON.stringify(what)), NOW_MS);

/** As livekit-server 1.13.5 sent it, with another password. */
const REAL = {
  event: 'participant_left',
  room: {
    sid: 'RM_Gj9qG2eruTPQ',
    name: 'school-quran-1',
    emptyTimeout: 60,
    departureTimeout: 5,
    creationTime: '1795234257',
    creationTimeMs: '1795234257930',
    turnPassword: 'a-password',
    enabledCodecs: [{ mime: 'audio/opus' }],
  },
  participant: {
    sid: 'PA_Tarzz5y36Pg8',
    identity: 'ana',
    state: 'DISCONNECTED',
    joinedAt: '1795234257',
    joinedAtMs: '1795234257930',
    name: 'ANA',
    version: 3,
    permission: { canSubscribe: true, canPublish: true, canPublishData: true },
    disconnectReason: 'CLIENT_INITIATED',
    clientProtocol: 2,
    capabilities: ['CAP_PACKET_TRAILER', 'CAP_COMPRESSION_DEFLATE_RAW'],
  },
  id: 'EV_MnuMsTefynHM',
  createdAt: '1795234260',
};

test('a delivery of a real server is read', () => {
  expect(readDelivery(Buffer.from(JSON.stringify(REAL)), 1_795_234_261_000)).toMatchObject({
    kind: 'evidence',
    eventId: 'EV_MnuMsTefynHM',
    event: 'participant_left',
    roomName: 'school-quran-1',
    evidence: {
      kind: 'left',
      atMs: 1_795_234_260_000,
      joinedAtMs: 1_795_234_257_930,
      connection: 'PA_Tarzz5y36Pg8',
      room: 'RM_Gj9qG2eruTPQ',
      reason: 'CLIENT_INITIATED',
      participant: { identity: 'ana', kind: 'signed_in', displayName: 'ANA' },
    },
  });
});

test('the password of the room is not kept, and everything else is', () => {
  const { raw } = read(REAL);
  expect(JSON.parse(raw)).toEqual({ ...REAL, room: { ...REAL.room, turnPassword: '' } });
});

test.for([
  ['with the password of the room', JSON.stringify(REAL)],
  ['with a quote in the password', JSON.stringify({ room: { turnPassword: 'a "secret" one\\' }, more: 1 })],
  ['without an id', JSON.stringify({ ...REAL, id: undefined })],
  ['that is no JSON', '{"event": '],
  ['that is no text', Buffer.from('{"event":"\0","turnPassword":"secret"}')],
  ['that is too large', JSON.stringify({ ...REAL, more: 'x'.repeat(70_000) })],
  ['that is too large, cut within a letter', JSON.stringify({ more: `y${'ش'.repeat(70_000)}` })],
  [
    'that is too large, cut within the password',
    JSON.stringify({ more: 'x'.repeat(65_500), room: { turnPassword: 'secret' } }),
  ],
  [
    'that is too large, cut within an escape of the password',
    JSON.stringify({ more: 'x'.repeat(65_494), room: { turnPassword: 'secret"' } }),
  ],
] as const)('what was kept of one %s is the same delivery when it is read again', ([, body]) => {
  const once = readDelivery(Buffer.from(body), NOW_MS);
  const kept = once.raw.startsWith('base64:') ? Buffer.from(once.raw.slice(7), 'base64') : once.raw;
  const { eventId, raw } = readDelivery(Buffer.from(kept), NOW_MS);
  expect([eventId, raw]).toEqual([once.eventId, once.raw]);
  expect(String(kept)).not.toContain('secret');
});

test('an impossible joinedAtMs does not stand in the way of joinedAt', () => {
  const participant = { joinedAt: String(NOW_MS / 1_000 - 60), joinedAtMs: '99999999999999' };
  const told = { room: 'r', sid: 'PA', atMs: NOW_MS - 5_000, participant };
  expect(read(delivery('participant_left', told))).toMatchObject({
    evidence: { atMs: NOW_MS - 5_000, joinedAtMs: NOW_MS - 60_000 },
  });
});

describe('when somebody joined', () => {
  test.for([
    ['joinedAtMs', { joinedAt: 5n, joinedAtMs: 5_250n }, 5_250],
    ['joinedAt, in seconds, where that is all', { joinedAt: 5n, joinedAtMs: 0n }, 5_000],
    ['not known', { joinedAt: 0n, joinedAtMs: 0n }, null],
  ] as const)('is %s', ([, given, expected]) => {
    expect(joinedAt(given)).toBe(expected);
  });

  test('is createdAt where the participant does not say', () => {
    const participant = { joinedAt: '0', joinedAtMs: '0' };
    const told = { room: 'r', sid: 'PA', atMs: NOW_MS - 5_000, participant };
    expect(read(delivery('participant_joined', told))).toMatchObject({ evidence: { atMs: NOW_MS - 5_000 } });
  });
});

describe('a time is possible', () => {
  const closedAt = (ms: number) =>
    read(delivery('room_finished', { room: 'r', atMs: ms, more: { createdAt: String(ms) } })).kind;
  test.for([
    ['until five minutes ahead of our clock', NOW_MS + 300_000, 'evidence'],
    ['not later', NOW_MS + 301_000, 'unusable'],
    ["since LiveKit's first year", Date.UTC(2021, 0, 1), 'evidence'],
    ['not before', Date.UTC(2021, 0, 1) - 1_000, 'unusable'],
  ] as const)('%s', ([, ms, kind]) => {
    expect(closedAt(ms)).toBe(kind);
  });
});

test('a delivery without an id is known by its hash: sent again it is the same', () => {
  const nameless = { ...delivery('room_started', { room: 'r', atMs: NOW_MS }), id: '' };
  expect(read(nameless).eventId).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(read(nameless).eventId).toBe(read(nameless).eventId);
});

test.for(['track_published', 'constructor', '__proto__'])('an event %s is no evidence', (event) => {
  expect(read({ ...REAL, event }).kind).toBe('other');
});

test('why somebody left is told in the words of LiveKit, and nothing where it does not know', () => {
  const reasonOf = (disconnectReason: unknown) => {
    const told = { room: 'r', sid: 'PA', atMs: NOW_MS, participant: { disconnectReason } };
    const found = read(delivery('participant_left', told));
    return found.kind === 'evidence' ? found.evidence.reason : found.kind;
  };
  expect(reasonOf('PARTICIPANT_REMOVED')).toBe('PARTICIPANT_REMOVED');
  expect(reasonOf(4)).toBe('PARTICIPANT_REMOVED');
  expect(reasonOf('UNKNOWN_REASON')).toBeUndefined();
  for (const unknown of ['A_REASON_OF_TOMORROW', '4', 'constructor', 99]) {
    expect(reasonOf(unknown)).toBeUndefined();
  }
});

describe('who is told of', () => {
  const kindOf = (participant: Record<string, unknown>) => {
    const told = { room: 'r', sid: 'PA', identity: 'ana', atMs: NOW_MS, participant };
    const found = read(delivery('participant_joined', told));
    if (found.kind !== 'evidence') throw new Error('it is no evidence');
    return [found.evidence.participant?.kind, found.evidence.participant?.identity];
  };
  test.for([
    ['by the name of its kind', { kind: 'AGENT' }, ['machine', 'machine:ana']],
    ['by the number of its kind', { kind: 3 }, ['phone', 'phone:ana']],
    ['as signed in where no kind is given', { kind: undefined }, ['signed_in', 'ana']],
    ['as somebody to ask about where the kind is new', { kind: 'ROBOT' }, ['other', 'other:ana']],
    ['as somebody to ask about where the kind is none', { kind: '0' }, ['other', 'other:ana']],
    ['as a machine where it records', { permission: { recorder: true } }, ['machine', 'machine:ana']],
    ['as a person where it does not', { permission: { recorder: false } }, ['signed_in', 'ana']],
  ] as const)('is read %s', ([, participant, expected]) => {
    expect(kindOf(participant)).toEqual(expected);
  });
});

test('a field of another type says which, and what would be read', () => {
  const found = read({ ...REAL, participant: { ...REAL.participant, joinedAtMs: 'yesterday' } });
  expect(found).toMatchObject({
    kind: 'unusable',
    reason: expect.stringContaining('participant.joinedAtMs'),
  });
  expect(read([REAL])).toMatchObject({ kind: 'unusable', reason: expect.stringContaining('body: ') });
});
