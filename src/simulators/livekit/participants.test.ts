import { AccessToken, ParticipantInfo_State, RoomServiceClient } from 'livekit-server-sdk';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { startLivekit } from '../../local/livekit.ts';
import { eventually, kill, runModule, temporaryDirectory } from '../../local/local-test.ts';
import { identify } from '../../local/process-identity.ts';
import { joinRoom, joinRooms } from './participants.ts';

const key = { apiKey: 'APIrollcall', apiSecret: 'forty characters that nobody else knows ' };
const ROOM = 'quran-1';

async function tokenFor(identity: string, room = ROOM): Promise<string> {
  const token = new AccessToken(key.apiKey, key.apiSecret, { identity });
  token.addGrant({ roomJoin: true, room });
  return await token.toJwt();
}

async function startServer() {
  const server = await startLivekit({
    binary: inject('livekitBinary'),
    dataDir: temporaryDirectory(),
    ...key,
    webhookUrls: [],
    report: () => {},
  });
  onTestFinished(() => server.stop());
  const rooms = new RoomServiceClient(server.url, key.apiKey, key.apiSecret);
  /** Identity to sid of those that are in the room. */
  const present = async (room = ROOM) => {
    const listed = await rooms.listParticipants(room);
    const active = listed.filter(({ state }) => state === ParticipantInfo_State.ACTIVE);
    return Object.fromEntries(active.map(({ identity, sid }) => [identity, sid]));
  };
  /** Those come into it within moments. */
  const expectPresent = (wanted: Record<string, unknown>, room?: string) =>
    vi.waitFor(async () => expect(await present(room)).toEqual(wanted), 5_000);
  return { url: server.url, pid: server.pid, rooms, expectPresent };
}

const isGone = (pid: number) => identify(pid) === undefined;

test('one that joined is in the room under its sid, and out of it once it left; its process has ended', async () => {
  const { url, expectPresent } = await startServer();
  const ana = await joinRoom({ url, token: await tokenFor('ana') });
  await expectPresent({ ana: ana.sid });
  expect(ana.identity).toBe('ana');
  await ana.leave();
  expect(await ana.closed).toEqual({ reason: 'CLIENT_INITIATED' });
  await expectPresent({});
  expect(isGone(ana.pid)).toBe(true);
});

test('one that is killed says nothing: LiveKit still lists it', async () => {
  const { url, expectPresent } = await startServer();
  const ana = await joinRoom({ url, token: await tokenFor('ana') });
  await expectPresent({ ana: ana.sid });
  await ana.kill();
  expect(await ana.closed).toEqual({ reason: 'SIGKILL' });
  expect(isGone(ana.pid)).toBe(true);
  await expectPresent({ ana: ana.sid });
  // Does nothing any more.
  await ana.leave();
});

test('one process carries several, in any rooms, and each of them leaves by itself', async () => {
  const { url, expectPresent } = await startServer();
  const tokens = [await tokenFor('ana'), await tokenFor('omar e hijo'), await tokenFor('zoe', 'other')];
  const joined = await joinRooms({ url, tokens });
  expect(joined.all.map(({ identity }) => identity)).toEqual(['ana', 'omar e hijo', 'zoe']);
  await joined.named('omar e hijo').leave();
  await expectPresent({ ana: joined.named('ana').sid });
  await expectPresent({ zoe: joined.named('zoe').sid }, 'other');
  expect(() => joined.named('omar')).toThrow('there are ana, omar e hijo, zoe');
  await joined.named('ana').leave();
  await joined.named('zoe').leave();
  await eventually('the process of nobody ends', () => isGone(joined.pid));
});

test('one that is thrown out says why', async () => {
  const { url, rooms } = await startServer();
  const ana = await joinRoom({ url, token: await tokenFor('ana') });
  await rooms.removeParticipant(ROOM, 'ana');
  expect(await ana.closed).toEqual({ reason: 'PARTICIPANT_REMOVED' });
  const first = await joinRoom({ url, token: await tokenFor('ana') });
  const second = await joinRoom({ url, token: await tokenFor('ana') });
  expect(await first.closed).toEqual({ reason: 'DUPLICATE_IDENTITY' });
  await rooms.deleteRoom(ROOM);
  expect(await second.closed).toEqual({ reason: 'ROOM_DELETED' });
  await eventually('their processes end', () => [ana, first, second].every(({ pid }) => isGone(pid)));
});

test('when one is not let in, that is an error which names it, and nobody stays', async () => {
  const { url, expectPresent } = await startServer();
  const stranger = new AccessToken(key.apiKey, 'not the secret that this server has', { identity: 'eve' });
  stranger.addGrant({ roomJoin: true, room: ROOM });
  const tokens = [await tokenFor('ana'), await stranger.toJwt()];
  await expect(joinRooms({ url, tokens })).rejects.toThrow(/did not let "eve" in: .*401/);
  await expectPresent({});
  await expect(joinRooms({ url, tokens: ['no-token'] })).rejects.toThrow();
  const twice = [await tokenFor('ana'), await tokenFor('ana', 'other')];
  await expect(joinRooms({ url, tokens: twice })).rejects.toThrow('one identity');
});

test('a server that is gone keeps nobody from leaving', async () => {
  const { url, pid } = await startServer();
  const ana = await joinRoom({ url, token: await tokenFor('ana') });
  process.kill(pid, 'SIGKILL');
  await ana.leave();
  expect(isGone(ana.pid)).toBe(true);
});

test('when the parent is killed, its participants leave', async () => {
  const { url, expectPresent } = await startServer();
  const { child, said } = runModule(`
    const { joinRoom } = await import(local + '../simulators/livekit/participants.ts');
    say(await joinRoom(${JSON.stringify({ url, token: await tokenFor('ana') })}));`);
  const { pid } = (await said()) as { pid: number };
  await expectPresent({ ana: expect.stringMatching(/^PA_/) });
  await kill(child, 'SIGKILL');
  await eventually('it is gone', () => isGone(pid));
  await expectPresent({});
});
