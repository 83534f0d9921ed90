import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type FakeAnswer, faultOf, nobody, roomsOf, useFakeLiveKit } from './fake-livekit.ts';
import { createLiveKitRooms } from './rooms.ts';

const livekit = useFakeLiveKit();
const rooms = (timeoutMs?: number) =>
  createLiveKitRooms({
    settings: livekit().settings,
    now: Date.now,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
const twirp = (status: number, code: string, meta?: Record<string, string>): FakeAnswer => ({
  status,
  body: { code, msg: 'said so', ...(meta === undefined ? {} : { meta }) },
});

describe('what LiveKit answers', () => {
  test.each([
    [{ status: 401, body: 'invalid API key: devkey' }, 'unauthenticated', 'never', 'LIVEKIT_API_KEY'],
    [twirp(401, 'unauthenticated'), 'unauthenticated', 'never', 'LIVEKIT_API_SECRET'],
    [twirp(403, 'permission_denied'), 'unauthenticated', 'never', '403 permission_denied: said so'],
    [twirp(404, 'not_found'), 'not_found', 'never', '404 not_found: said so'],
    [{ status: 404, body: '<html>nginx</html>' }, 'bad_answer', 'never', 'LIVEKIT_URL'],
    [twirp(404, 'bad_route'), 'bad_answer', 'never', 'there is no LiveKit at ws://127.0.0.1'],
    [twirp(400, 'invalid_argument'), 'bad_request', 'never', '400 invalid_argument: said so'],
    [twirp(412, 'failed_precondition'), 'bad_request', 'never', '412'],
    [twirp(429, 'resource_exhausted'), 'rate_limited', 'retry', 'too many calls'],
    [twirp(408, 'deadline_exceeded'), 'unavailable', 'retry', '408'],
    [twirp(500, 'internal'), 'unavailable', 'retry', '500 internal: said so'],
    [{ status: 502, body: '<html>nginx</html>' }, 'unavailable', 'retry', '502'],
    [twirp(503, 'unavailable'), 'unavailable', 'retry', '503'],
    [{ body: '<html>Welcome</html>' }, 'bad_answer', 'retry', 'answers what LiveKit would not'],
    [{ body: '{"rooms": [' }, 'bad_answer', 'retry', 'answers what LiveKit would not'],
    [{ body: { rooms: 7 } }, 'bad_answer', 'retry', 'rooms'],
    [{ body: { rooms: [{ name: 'room', creationTime: 'early' }] } }, 'bad_answer', 'retry', 'creation_time'],
    [{ drop: true }, 'unavailable', 'retry', 'cannot reach LiveKit'],
  ] satisfies [FakeAnswer, string, string, string][])('%j is %s, %s', async (answer, code, kind, words) => {
    livekit().answers.ListRooms = answer;
    const fault = await faultOf(rooms().list('room'));
    expect([fault.code, fault.kind, fault.retryAfterMs]).toEqual([code, kind, undefined]);
    expect(fault.message).toContain('look for the room room');
    expect(fault.message).toContain(words);
    expect(livekit().calls).toEqual(['ListRooms']);
  });

  test.each([
    ['7s', 'retry_after', 7_000],
    ['30', 'retry_after', 30_000],
    ['soon', 'retry', undefined],
  ])('too many calls, and to come again in "%s", is %s', async (retry_after, kind, waitMs) => {
    livekit().answers.ListRooms = twirp(429, 'resource_exhausted', { retry_after });
    const fault = await faultOf(rooms().list('room'));
    expect([fault.code, fault.kind, fault.retryAfterMs]).toEqual(['rate_limited', kind, waitMs]);
  });

  test('no answer within the timeout is a timeout', async () => {
    livekit().answers.ListParticipants = { hang: true };
    const startedMs = performance.now();
    const fault = await faultOf(rooms(250).list('room'));
    expect([fault.code, fault.kind]).toEqual(['timeout', 'retry']);
    expect(fault.message).toBe('list who is in the room room: no answer within 250 ms');
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  });

  test('where nobody listens, the message says so', async () => {
    const gone = rooms();
    await livekit().stop();
    const fault = await faultOf(gone.list('room'));
    expect([fault.code, fault.kind]).toEqual(['unavailable', 'retry']);
    expect(fault.message).toMatch(/cannot reach LiveKit at ws:.* \(ECONNREFUSED\)/);
  });

  test('no fault shows the secret or a token, which LiveKit repeats when it cannot verify it', async () => {
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJkZXZrZXkifQ.sIgNaTuRe_-x';
    livekit().answers.ListRooms = { status: 401, body: `invalid token: ${token}, error: it is too old` };
    const shown = inspect(await faultOf(rooms().list('room')), { depth: 20, maxStringLength: null });
    expect(shown).toContain('it is too old');
    for (const secret of ['eyJ', 'sIgNaTuRe', livekit().settings.key.secret])
      expect(shown).not.toContain(secret);
  });
});

describe('a fault', () => {
  test.each(['ListRooms', 'ListParticipants'] as const)(
    'of %s is told to whoever asked with it, and kept for nobody else',
    async (method) => {
      const good = { ListRooms: roomsOf('RM_1'), ListParticipants: nobody }[method];
      livekit().answers[method] = [twirp(500, 'internal'), good];
      const asked = rooms();
      const together = await Promise.allSettled([asked.list('room'), asked.list('room')]);
      expect(together.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(livekit().calls.filter((call) => call === method)).toHaveLength(1);
      expect(await asked.list('room')).toMatchObject({ roomExisted: true });
    },
  );

  test('in making, closing or deleting a room is told as it is', async () => {
    Object.assign(livekit().answers, { CreateRoom: { status: 503 }, DeleteRoom: { status: 401 } });
    const asked = rooms();
    expect((await faultOf(asked.create('room', { keepForSeconds: 60 }))).code).toBe('unavailable');
    expect((await faultOf(asked.close('room'))).code).toBe('unauthenticated');
    expect((await faultOf(asked.deleteIfEmpty('room'))).code).toBe('unauthenticated');
  });

  test('a 404 that is not from LiveKit does not mean that the room is closed', async () => {
    livekit().answers.DeleteRoom = { status: 404, body: '<html>nginx</html>' };
    expect((await faultOf(rooms().close('room'))).code).toBe('bad_answer');
    livekit().answers.DeleteRoom = twirp(404, 'not_found');
    await rooms().close('room');
  });
});
