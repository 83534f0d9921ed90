import { AccessToken } from 'livekit-server-sdk';
import { describe, expect, test } from 'vitest';
import { eventually } from '../local/local-test.ts';
import type { RoomListing } from './answer.ts';
import { faultOf } from './fake-livekit.ts';
import { createJoinToken, type JoinTokenRequest } from './join-token.ts';
import { createLiveKitRooms } from './rooms.ts';
import { useLiveKit } from './test-livekit.ts';

const livekit = useLiveKit();
const HOUR_MS = 3_600_000;
const ANA = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const rooms = () => createLiveKitRooms({ settings: livekit().settings, now: Date.now });
const anew = () => ({ notBeforeMs: Date.now() });

const tokenFor = (room: string, change: Partial<JoinTokenRequest> = {}) =>
  createJoinToken({
    settings: livekit().settings,
    room,
    personId: ANA,
    device: 'web',
    name: 'Ana',
    role: 'student',
    expiresMs: Date.now() + HOUR_MS,
    ...change,
  });

/** LiveKit lists whoever came in as JOINED until media can flow, a moment later. */
async function whenPresent(room: string, count: number): Promise<RoomListing> {
  let listing = await rooms().list(room, anew());
  await eventually(`${count} in ${room}`, async () => {
    listing = await rooms().list(room, anew());
    return listing.connections.length === count;
  });
  return listing;
}

async function agentToken(room: string): Promise<string> {
  const { apiKey, secret } = livekit().settings.key;
  const token = new AccessToken(apiKey, secret, { identity: 'agent-1' });
  token.kind = 'agent';
  token.addGrant({ room, roomJoin: true });
  return await token.toJwt();
}

describe('a room that nobody made', () => {
  test('is not there, which is another thing than empty', async () => {
    const { roomExisted, ...lists } = await rooms().list('nobody-made-it');
    expect(roomExisted).toBe(false);
    expect(lists).toMatchObject({ rooms: [], connections: [], participants: [] });
  });

  test('is closed already, and missing where it is to be deleted', async () => {
    await rooms().close('nobody-made-it');
    expect(await rooms().deleteIfEmpty('nobody-made-it')).toBe('missing');
  });
});

describe('making a room', () => {
  test('has it there, empty, as one instance', async () => {
    const beforeMs = Date.now();
    await rooms().create('made', { keepForSeconds: 300 });
    const listing = await rooms().list('made');
    expect(listing).toMatchObject({ roomExisted: true, connections: [], participants: [] });
    expect(listing.rooms).toEqual([
      { room: expect.stringMatching(/^RM_/), startMs: expect.any(Number), endMs: null },
    ]);
    expect(listing.rooms[0]?.startMs).toBeGreaterThanOrEqual(beforeMs);
    expect(listing.rooms[0]?.startMs).toBeLessThanOrEqual(listing.atMs);
  });

  test('keeps it while empty as long as asked, before anybody came and after everybody went', async () => {
    await rooms().create('kept', { keepForSeconds: 1_800.4 });
    const [made] = await livekit().client.listRooms(['kept']);
    expect(made).toMatchObject({ emptyTimeout: 1_801, departureTimeout: 1_801 });
  });

  test('that is there leaves it as it is', async () => {
    await rooms().create('twice', { keepForSeconds: 300 });
    const { rooms: first } = await rooms().list('twice');
    await rooms().create('twice', { keepForSeconds: 1 });
    expect((await rooms().list('twice')).rooms).toEqual(first);
    const [made] = await livekit().client.listRooms(['twice']);
    expect(made).toMatchObject({ emptyTimeout: 300, departureTimeout: 300 });
  });
});

describe('who is in a room', () => {
  test('is listed by participant sid, instance and identity, since LiveKit let them in', async () => {
    await rooms().create('listed', { keepForSeconds: 300 });
    const beforeMs = Date.now();
    const { all } = await livekit().join(await tokenFor('listed'));
    const { atMs, connections, participants, rooms: instances } = await whenPresent('listed', 1);
    expect(connections).toEqual([
      {
        connection: all[0]?.sid,
        room: instances[0]?.room,
        identity: `${ANA}:web`,
        startMs: expect.any(Number),
        endMs: null,
      },
    ]);
    expect(connections[0]?.startMs).toBeGreaterThanOrEqual(beforeMs);
    expect(connections[0]?.startMs).toBeLessThanOrEqual(atMs);
    expect(participants).toEqual([{ identity: `${ANA}:web`, kind: 'signed_in', displayName: 'Ana' }]);
  });

  test('makes the room by coming, and is no longer listed after leaving', async () => {
    const { all } = await livekit().join(await tokenFor('left'), await tokenFor('left', { device: 'phone' }));
    expect(await whenPresent('left', 2)).toMatchObject({ roomExisted: true });
    await all[0]?.leave();
    expect((await whenPresent('left', 1)).connections).toMatchObject([{ connection: all[1]?.sid }]);
  });

  test('is a person twice with two devices, and once with one device that came again', async () => {
    const first = await livekit().join(
      await tokenFor('devices'),
      await tokenFor('devices', { device: 'phone' }),
    );
    await livekit().join(await tokenFor('devices'));
    expect(await first.named(`${ANA}:web`).closed).toEqual({ reason: 'DUPLICATE_IDENTITY' });
    await eventually('the new connection is listed', async () => {
      const { connections } = await rooms().list('devices', anew());
      const identities = connections.map(({ identity }) => identity).sort();
      const isNew = connections.every(({ connection }) => connection !== first.named(`${ANA}:web`).sid);
      return identities.join() === `${ANA}:phone,${ANA}:web` && isNew;
    });
  });

  test('is a machine where the token says so', async () => {
    await livekit().join(await agentToken('agents'));
    const { participants } = await whenPresent('agents', 1);
    expect(participants).toEqual([{ identity: 'machine:agent-1', kind: 'machine', displayName: 'agent-1' }]);
  });
});

describe('closing', () => {
  test('puts everybody out, and whoever comes then is in another instance', async () => {
    const { all } = await livekit().join(await tokenFor('closed'));
    const { rooms: before } = await rooms().list('closed');
    await rooms().close('closed');
    expect(await all[0]?.closed).toEqual({ reason: 'ROOM_DELETED' });
    expect(await rooms().list('closed')).toMatchObject({ roomExisted: false });
    await livekit().join(await tokenFor('closed'));
    expect((await rooms().list('closed')).rooms[0]?.room).not.toBe(before[0]?.room);
  });

  test('an empty room alone spares whoever is in it', async () => {
    const { all } = await livekit().join(await tokenFor('occupied'), await agentToken('occupied'));
    expect(await rooms().deleteIfEmpty('occupied')).toBe('occupied');
    await all[0]?.leave();
    // The agent is still there.
    await eventually('it was deleted', async () => (await rooms().deleteIfEmpty('occupied')) === 'deleted');
    expect(await all[1]?.closed).toEqual({ reason: 'ROOM_DELETED' });
    expect(await rooms().deleteIfEmpty('occupied')).toBe('missing');
  });
});

describe('a key that LiveKit does not know', () => {
  test.each([
    ['by its name', { apiKey: 'stranger' }],
    ['by its secret', { secret: 'another secret of at least 32 characters' }],
  ])('%s opens nothing, and the fault says which variables to mend', async (_how, change) => {
    const { settings } = livekit();
    const key = { ...settings.key, ...change };
    const fault = await faultOf(
      createLiveKitRooms({ settings: { ...settings, key }, now: Date.now }).list('any'),
    );
    expect([fault.code, fault.kind]).toEqual(['unauthenticated', 'never']);
    expect(fault.message).toContain('LIVEKIT_API_KEY and LIVEKIT_API_SECRET');
    expect(fault.message).not.toContain('eyJ');
  });
});
