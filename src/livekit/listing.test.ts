import { describe, expect, test } from 'vitest';
import { type FakeAnswer, faultOf, nobody, roomsOf, useFakeLiveKit } from './fake-livekit.ts';
import { createLiveKitRooms } from './rooms.ts';

const livekit = useFakeLiveKit();
const NINE = Date.parse('2026-01-05T09:00:00.000Z');
const rooms = (now: () => number = () => NINE) => createLiveKitRooms({ settings: livekit().settings, now });
const ana = { sid: 'PA_1', identity: 'ana', name: 'Ana', state: 'ACTIVE' };
const listOf = (...participants: object[]) => ({ body: { participants } });
const callsTo = (method: string) => livekit().calls.filter((call) => call === method).length;

describe('a room that changes while it is listed', () => {
  test('is not there when it closed before its list came, and the list is not taken for an empty room', async () => {
    livekit().answers.ListRooms = [roomsOf('RM_1'), roomsOf()];
    expect(await rooms().list('room')).toEqual({
      atMs: NINE,
      roomExisted: false,
      rooms: [],
      connections: [],
      joining: [],
      participants: [],
    });
  });

  test('is listed again when it was made anew, and nobody is told of the wrong instance', async () => {
    livekit().answers.ListRooms = [roomsOf('RM_1'), roomsOf('RM_2')];
    livekit().answers.ListParticipants = [nobody, listOf(ana)];
    const listing = await rooms().list('room');
    expect(listing.rooms).toEqual([{ room: 'RM_2', startMs: NINE, endMs: null }]);
    expect(listing.connections).toMatchObject([{ connection: 'PA_1', room: 'RM_2' }]);
    expect(callsTo('ListParticipants')).toBe(2);
  });

  test('every time is not told about at all', async () => {
    livekit().answers.ListRooms = ['RM_1', 'RM_2', 'RM_3', 'RM_4', 'RM_5', 'RM_6'].map((sid) => roomsOf(sid));
    const fault = await faultOf(rooms().list('room'));
    expect([fault.code, fault.kind]).toEqual(['unavailable', 'retry']);
  });

  test('was not there when LiveKit names others only, and is then asked about no further', async () => {
    livekit().answers.ListRooms = { body: { rooms: [{ sid: 'RM_9', name: 'another' }] } };
    expect(await rooms().list('room')).toMatchObject({ roomExisted: false });
    expect(livekit().calls).toEqual(['ListRooms']);
  });
});

describe('who is listed', () => {
  test('is present when ACTIVE: who is still joining may never be, and has not gone', async () => {
    const states = ['JOINING', 'JOINED', 'ACTIVE', 'DISCONNECTED'];
    livekit().answers.ListParticipants = listOf(
      ...states.map((state) => ({ ...ana, sid: `PA_${state}`, identity: state, state })),
    );
    const { connections, joining, participants } = await rooms().list('room');
    expect(connections.map(({ identity }) => identity)).toEqual(['ACTIVE']);
    expect(joining).toEqual(['PA_JOINING', 'PA_JOINED']);
    expect(participants.map(({ identity }) => identity)).toEqual(states);
  });

  test.each([
    ['joinedAtMs', { joinedAtMs: '1767603660250', joinedAt: '1767603660' }, NINE + 60_250],
    ['joinedAt, in seconds, where an older LiveKit gives no more', { joinedAt: '1767603660' }, NINE + 60_000],
    ['the listing, where it says nothing', {}, NINE],
  ])('is there since %s', async (_which, joined, startMs) => {
    livekit().answers.ListParticipants = listOf({ ...ana, ...joined });
    expect((await rooms().list('room')).connections).toEqual([
      { connection: 'PA_1', room: 'RM_1', identity: 'ana', startMs, endMs: null },
    ]);
  });

  test('has a name for display, else the identity, and neither holds a NUL, which PostgreSQL cannot store', async () => {
    livekit().answers.ListParticipants = listOf(ana, { ...ana, name: '', identity: 'a\0na' });
    expect((await rooms().list('room')).participants).toEqual([
      { identity: 'ana', kind: 'signed_in', displayName: 'Ana' },
      { identity: 'ana', kind: 'signed_in', displayName: 'ana' },
    ]);
  });

  test('is told as of when LiveKit was asked for the list: who came while it answered was not there', async () => {
    let nowMs = NINE;
    const passing = (answer: FakeAnswer): FakeAnswer => ({ ...answer, meanwhile: () => (nowMs += 1_000) });
    livekit().answers.ListRooms = passing(roomsOf('RM_1'));
    livekit().answers.ListParticipants = passing(nobody);
    expect((await rooms(() => nowMs).list('room')).atMs).toBe(NINE + 1_000);
    livekit().answers.ListRooms = passing(roomsOf());
    expect((await rooms(() => nowMs).list('room')).atMs).toBe(NINE + 3_000);
  });
});

describe('a listing is shared', () => {
  const clock = { nowMs: NINE };
  const asked = () => {
    clock.nowMs = NINE;
    return rooms(() => clock.nowMs);
  };

  test('by all who ask at once, room by room', async () => {
    const some = asked();
    livekit().answers.ListRooms = {
      body: { rooms: ['room', 'other'].map((name) => ({ name, sid: `RM_${name}` })) },
    };
    const [first, second, other] = await Promise.all([
      some.list('room'),
      some.list('room'),
      some.list('other'),
    ]);
    expect(second).toBe(first);
    expect(other.rooms).not.toEqual(first.rooms);
    expect(callsTo('ListParticipants')).toBe(2);
  });

  test('for ten seconds, and then asked for again', async () => {
    const some = asked();
    await some.list('room');
    clock.nowMs = NINE + 9_999;
    expect((await some.list('room')).atMs).toBe(NINE);
    clock.nowMs = NINE + 10_000;
    expect((await some.list('room')).atMs).toBe(NINE + 10_000);
    expect(callsTo('ListParticipants')).toBe(2);
  });

  test('unless it must not be older', async () => {
    const some = asked();
    await some.list('room');
    clock.nowMs = NINE + 500;
    expect((await some.list('room', { notBeforeMs: NINE })).atMs).toBe(NINE);
    expect((await some.list('room', { notBeforeMs: NINE + 1 })).atMs).toBe(NINE + 500);
    expect((await some.list('room')).atMs).toBe(NINE + 500);
    expect(callsTo('ListParticipants')).toBe(2);
  });

  test('for as long as it is under way, however slow LiveKit is', async () => {
    const some = asked();
    const first = some.list('room');
    clock.nowMs = NINE + 60_000;
    expect(await some.list('room')).toBe(await first);
  });

  test('also while it is under way, unless that one was asked too early', async () => {
    const some = asked();
    const early = some.list('room');
    clock.nowMs = NINE + 1;
    const [first, later] = await Promise.all([early, some.list('room', { notBeforeMs: NINE + 1 })]);
    expect(later).not.toBe(first);
    expect(later.atMs).toBe(NINE + 1);
    expect(await some.list('room')).toBe(later);
  });

  test.each([
    ['made', (some: ReturnType<typeof rooms>) => some.create('room', { keepForSeconds: 60 })],
    ['closed', (some: ReturnType<typeof rooms>) => some.close('room')],
    ['deleted', (some: ReturnType<typeof rooms>) => some.deleteIfEmpty('room')],
  ])('no longer once the room was %s', async (_what, change) => {
    const some = asked();
    await some.list('room');
    await change(some);
    const before = callsTo('ListRooms');
    await some.list('room');
    expect(callsTo('ListRooms')).toBeGreaterThan(before);
  });
});

describe('deleting an empty room', () => {
  test.each([
    ['a person who is in it', { ...ana }, 'occupied'],
    ['a person who is just coming in', { ...ana, state: 'JOINING' }, 'occupied'],
    ['a dial-in', { ...ana, kind: 'SIP' }, 'occupied'],
    ['an agent', { ...ana, kind: 'AGENT' }, 'deleted'],
    ['a recorder', { ...ana, permission: { recorder: true } }, 'deleted'],
  ])('with %s finds it so', async (_who, participant, result) => {
    livekit().answers.ListParticipants = listOf(participant);
    expect(await rooms().deleteIfEmpty('room')).toBe(result);
    expect(callsTo('DeleteRoom')).toBe(result === 'deleted' ? 1 : 0);
  });

  test('finds out anew whether it is empty', async () => {
    let nowMs = NINE;
    const some = rooms(() => nowMs);
    await some.list('room');
    nowMs += 1;
    livekit().answers.ListParticipants = listOf(ana);
    expect(await some.deleteIfEmpty('room')).toBe('occupied');
  });

  test('that closed in the meantime finds it missing', async () => {
    livekit().answers.DeleteRoom = { status: 404, body: { code: 'not_found', msg: 'no such room' } };
    expect(await rooms().deleteIfEmpty('room')).toBe('missing');
  });
});
