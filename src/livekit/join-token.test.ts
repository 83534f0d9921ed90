import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { createJoinToken, type JoinTokenRequest } from './join-token.ts';
import { useLiveKit } from './test-livekit.ts';

const livekit = useLiveKit();
const ANA = '3f2504e0-4f89-41d3-9a0c-0305e82c3301';
const ROOM = 'school-quran-session-1';

const tokenOf = (change: Partial<JoinTokenRequest> = {}) =>
  createJoinToken({
    settings: livekit().settings,
    room: ROOM,
    personId: ANA,
    device: 'web',
    name: 'Ana Ñandú',
    role: 'student',
    expiresMs: Date.now() + 60_000,
    ...change,
  });

const STUDENT = {
  room: ROOM,
  roomJoin: true,
  roomAdmin: false,
  canPublish: true,
  canPublishData: true,
  canSubscribe: true,
  canPublishSources: ['camera', 'microphone'],
};

describe('a token to join with', () => {
  test('is for one person, one device and one room, which it may make, and says no more', async () => {
    const expiresMs = Date.UTC(2040, 0, 1);
    expect(decodeJwt(await tokenOf({ expiresMs }))).toEqual({
      iss: 'devkey',
      sub: `${ANA}:web`,
      name: 'Ana Ñandú',
      nbf: expect.any(Number),
      exp: expiresMs / 1_000,
      video: STUDENT,
      roomConfig: expect.objectContaining({ emptyTimeout: expect.any(Number) }),
    });
  });

  test('of a teacher publishes everything, the screen too', async () => {
    const { canPublishSources: _, ...everything } = STUDENT;
    expect(decodeJwt(await tokenOf({ role: 'teacher' })).video).toEqual(everything);
  });

  test.each([
    ['a whole second', 60_000, 60],
    ['a part of a second, rounded up', 59_001, 60],
  ])('ends at %s', async (_which, afterMs, seconds) => {
    const second = Math.floor(Date.now() / 1_000);
    const { exp } = decodeJwt(await tokenOf({ expiresMs: second * 1_000 + afterMs }));
    expect(exp).toBe(second + seconds);
  });

  test('that ends this instant is not one for six hours, as the SDK has it for a life of 0', async () => {
    const thisSecondMs = Math.floor(Date.now() / 1_000) * 1_000;
    expect(decodeJwt(await tokenOf({ expiresMs: thisSecondMs })).exp).toBe(thisSecondMs / 1_000);
  });

  test('holds from now on', async () => {
    const { nbf = 0 } = decodeJwt(await tokenOf());
    expect(Math.abs(nbf - Date.now() / 1_000)).toBeLessThanOrEqual(2);
  });
});

describe('LiveKit', () => {
  /** What LiveKit says to a token before anybody connects. */
  const validate = async (token: string): Promise<number> => {
    const url = `${livekit().settings.url.replace(/^ws/, 'http')}/rtc/validate?access_token=${token}`;
    return (await fetch(url)).status;
  };

  test.each([
    ['that lives for two more seconds', 2_000, 200],
    ['that has just expired: it forgives a minute', -30_000, 200],
    ['that expired longer ago than clocks differ', -120_000, 401],
  ])('takes a token %s with %i ms to go: %i', async (_which, lifeMs, status) => {
    expect(await validate(await tokenOf({ expiresMs: Date.now() + lifeMs }))).toBe(status);
  });

  test('refuses a token of another secret', async () => {
    const { settings } = livekit();
    const key = { ...settings.key, secret: 'another secret of at least 32 characters' };
    expect(await validate(await tokenOf({ settings: { ...settings, key } }))).toBe(401);
  });

  test('keeps a room that was made by whoever came first as long as the token lives, and a minute longer', async () => {
    const room = 'school-quran-session-early';
    await livekit().join(await tokenOf({ room, expiresMs: Date.now() + 1_800_000 }));
    const [made] = await livekit().client.listRooms([room]);
    for (const seconds of [made?.emptyTimeout, made?.departureTimeout]) {
      expect(seconds).toBeGreaterThan(1_800 + 60 - 10);
      expect(seconds).toBeLessThanOrEqual(1_800 + 60 + 1);
    }
  });

  test('lets a teacher publish everything and a student no screen, and neither command the room', async () => {
    const teacher = await tokenOf({ role: 'teacher', personId: ANA.replace('3f', '4f') });
    const student = await tokenOf({ expiresMs: Date.now() + 2_000 });
    const { all } = await livekit().join(teacher, student);
    const listed = await livekit().client.listParticipants(ROOM);
    const permissions = all.map(({ sid }) => listed.find((one) => one.sid === sid)?.permission?.toJson());
    const both = { canSubscribe: true, canPublish: true, canPublishData: true };
    expect(permissions).toEqual([both, { ...both, canPublishSources: ['CAMERA', 'MICROPHONE'] }]);
    for (const token of [teacher, student]) {
      const answer = await fetch(
        `${livekit().settings.url.replace(/^ws/, 'http')}/twirp/livekit.RoomService/ListParticipants`,
        {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ room: ROOM }),
        },
      );
      expect(answer.status).toBe(401);
    }
  });
});
