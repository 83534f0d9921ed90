import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  at,
  HOUR_BEFORE_MS,
  type Json,
  lesson,
  MINUTE_MS,
  START_MS,
  startTestApp,
  type TestApp,
  token,
} from './test-app.ts';

const END_MS = START_MS + 40 * MINUTE_MS;
const key = { apiKey: 'devkey', secret: 'thirty-two characters and some more', tenantId: null };
const livekit = { url: 'wss://livekit.school.example', key, keys: [key] };

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ livekit });
});
afterAll(() => app.stop());
beforeEach(() => {
  app.clock.nowMs = HOUR_BEFORE_MS;
});

const TEACHER = { sub: 'Teacher@school.example', role: 'teacher' };
const AMAL = { sub: 'amal@school.example', role: 'student' };

async function scheduled(change: Record<string, unknown> = {}): Promise<Json> {
  return (await app.call('POST', '/api/schedule/class', { body: lesson({ provider: 'livekit', ...change }) }))
    .body;
}
const personOf = async (email: string): Promise<string> =>
  (await app.owner`select id from people where email = ${email}`)[0]?.id;

async function join(id: string, claims: Record<string, unknown> = AMAL, sent: Json = {}) {
  return await app.call('POST', `/api/classes/${id}/join`, { token: await token(claims), ...sent });
}

test("a LiveKit whose only key is another school's lets nobody in", async () => {
  const own = { ...key, tenantId: 'elsewhere' };
  const theirs = await startTestApp({ livekit: { ...livekit, key: own, keys: [own] }, beside: app });
  const { class_id: id } = await scheduled();
  const path = `/api/classes/${id}/join`;
  expect(await theirs.call('POST', path, { token: await token(AMAL) })).toMatchObject({
    status: 409,
    body: { detail: "the class meets on LiveKit, which is another school's own on this server" },
  });
  await theirs.stop();
});

describe('joining a LiveKit class', () => {
  test('answers the server, the room and a token until the end of the class', async () => {
    const { class_id: id, room_name: room } = await scheduled();
    const amal = await personOf('amal@school.example');
    const { status, body, headers } = await join(id);
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toEqual({
      provider: 'livekit',
      session_id: id,
      url: 'wss://livekit.school.example',
      token: expect.any(String),
      room_name: room,
      identity: `${amal}:web`,
      expires_at: at(END_MS),
    });
    expect(decodeJwt(body.token)).toMatchObject({
      iss: 'devkey',
      sub: `${amal}:web`,
      name: 'amal',
      exp: END_MS / 1_000,
      video: { room, roomJoin: true, canPublishSources: ['camera', 'microphone'] },
    });
  });

  test('lets people in for as long as it counts, the overrun of the policy too', async () => {
    const { class_id: id } = await scheduled({ policy: 'musa' });
    expect((await join(id)).body.expires_at).toBe(at(END_MS + 30 * MINUTE_MS));
    app.clock.nowMs = END_MS + 29 * MINUTE_MS;
    expect((await join(id)).status).toBe(200);
    app.clock.nowMs = END_MS + 30 * MINUTE_MS;
    expect((await join(id)).status).toBe(409);
  });

  test('gives a student of the class no screen and its teacher everything, whoever they are elsewhere', async () => {
    const { class_id: id } = await scheduled();
    const sourcesOf = async (claims: Record<string, unknown>) =>
      (decodeJwt((await join(id, claims)).body.token).video as Json).canPublishSources;
    expect(await sourcesOf(TEACHER)).toBeUndefined();
    expect(await sourcesOf({ ...AMAL, role: 'teacher' })).toEqual(['camera', 'microphone']);
  });

  test('from another device is somebody else for LiveKit', async () => {
    const { class_id: id } = await scheduled();
    const { body } = await join(id, AMAL, { body: { device: 'Phone_2-x' } });
    expect(body.identity).toBe(`${await personOf('amal@school.example')}:Phone_2-x`);
    expect(decodeJwt(body.token).sub).toBe(body.identity);
    expect((await join(id, AMAL, { body: {} })).body.identity).toMatch(/:web$/);
  });

  test.each([
    [{ device: '' }, 'device'],
    [{ device: 'x'.repeat(41) }, 'device'],
    [{ device: 'a:b' }, 'device'],
    [{ device: 'مكتب' }, 'device'],
    [{ device: null }, 'device'],
    [{ room: 'another' }, 'room'],
  ])('with %j is refused and says what would be accepted', async (body, field) => {
    const { class_id: id } = await scheduled();
    const answer = await join(id, AMAL, { body });
    expect([answer.status, answer.body.errors[0].field]).toEqual([422, field]);
    expect(answer.body.errors[0].message).toMatch(
      field === 'device' ? /1 to 40 letters/ : /accepted are device/,
    );
  });

  test('is not possible where LiveKit is not set up, and names what to set', async () => {
    const without = await startTestApp();
    try {
      const body = lesson({ provider: 'livekit' });
      const { class_id: id } = (await without.call('POST', '/api/schedule/class', { body })).body;
      const answer = await without.call('POST', `/api/classes/${id}/join`, { token: await token(AMAL) });
      expect([answer.status, answer.body.type]).toEqual([409, 'https://rollcall.dev/problems/conflict']);
      for (const name of ['LIVEKIT_URL', 'LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET']) {
        expect(answer.body.detail).toContain(name);
      }
    } finally {
      await without.stop();
    }
  });
});

describe('a token', () => {
  test('is kept nowhere, also with an Idempotency-Key, and each call gives a new one', async () => {
    const { class_id: id } = await scheduled();
    const before = await app.count('idempotency_keys');
    const sent = { headers: { 'idempotency-key': 'once' } };
    const first = await join(id, AMAL, sent);
    expect(first.status).toBe(200);
    app.clock.nowMs = END_MS;
    const again = await join(id, AMAL, sent);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([409, null]);
    expect(await app.count('idempotency_keys')).toBe(before);
  });

  test('is not in the log', async () => {
    const { class_id: id } = await scheduled();
    app.logged.length = 0;
    const { body } = await join(id);
    // A line is written when the answer has gone.
    await expect.poll(() => app.logged.join('')).toContain('/api/classes/{class_id}/join');
    expect(app.logged.join('')).not.toContain(String(body.token).split('.')[1]);
  });
});

describe('whoever is not on the roster', () => {
  test.each([
    ['a student of another class', { sub: 'zora@school.example', role: 'student' }],
    ['a teacher of another class', { sub: 'zora@school.example', role: 'teacher' }],
    ['a person id that is nobody', { sub: randomUUID(), role: 'student' }],
    ['the same address in another school', { ...AMAL, tenant: 'other' }],
  ])('is told that there is no such class: %s', async (_who, claims) => {
    const { class_id: id } = await scheduled();
    await app.call('GET', '/api/tenant', { token: await token({ tenant: 'other' }) });
    const missing = await join(randomUUID(), claims);
    expect(missing).toMatchObject({ status: 404, body: { detail: 'there is no such class' } });
    expect((await join(id, claims)).body).toEqual(missing.body);
  });

  test.each(['service', 'guardian'])('by role has nothing to join: %s', async (role) => {
    const { class_id: id } = await scheduled();
    expect((await join(id, { ...AMAL, role })).status).toBe(403);
  });

  test('the roster decides, also about an admin who teaches', async () => {
    const { class_id: id } = await scheduled();
    expect((await join(id, { ...AMAL, role: 'admin' })).status).toBe(200);
    expect((await join(id, { role: 'admin' })).status).toBe(404);
  });

  test('does not learn that the class is over', async () => {
    const { class_id: id } = await scheduled();
    app.clock.nowMs = END_MS;
    expect((await join(id, { sub: 'zora@school.example', role: 'student' })).status).toBe(404);
  });
});

test('a person is known by id as by address, in any spelling', async () => {
  const { class_id: id } = await scheduled();
  const amal = await personOf('amal@school.example');
  for (const sub of ['AMAL@School.Example', amal, amal.toUpperCase()]) {
    expect((await join(id, { ...AMAL, sub })).body.identity).toBe(`${amal}:web`);
  }
});

describe('a class that nobody can join any more', () => {
  test.each(['ended', 'reconciling', 'completed', 'incomplete'])('is over when it is %s', async (status) => {
    const { class_id: id } = await scheduled();
    await app.owner`update classes set status = ${status} where id = ${id}`;
    expect(await join(id)).toMatchObject({ status: 409, body: { detail: 'the class is over' } });
  });

  test('is cancelled', async () => {
    const { class_id: id } = await scheduled({ provider: 'whiteboard' });
    await app.call('POST', `/api/classes/${id}/cancel`, { body: { reason: 'snow' } });
    expect(await join(id)).toMatchObject({ status: 409, body: { detail: 'the class is cancelled' } });
  });
});

describe('joining a class elsewhere', () => {
  test('on Meet is its link', async () => {
    const { class_id: id } = await scheduled({ provider: 'meet', meeting_code: 'abc-mnop-xyz' });
    expect((await join(id)).body).toEqual({
      provider: 'meet',
      session_id: id,
      meeting_uri: 'https://meet.google.com/abc-mnop-xyz',
    });
  });

  test('on Meet has to wait for the link, and says why there is none without naming anybody', async () => {
    const { class_id: id } = await scheduled({ provider: 'meet' });
    const early = await join(id);
    expect([early.status, early.body.detail]).toEqual([409, expect.stringContaining('no Meet link yet;')]);
    const problem = { code: 'cannot_impersonate', message: 'teacher@school.example', since: at(START_MS) };
    await app.owner`update classes set capture_problem = ${app.owner.json(problem)} where id = ${id}`;
    const { status, body } = await join(id, TEACHER);
    expect([status, body.detail]).toEqual([409, expect.stringContaining('(cannot_impersonate)')]);
    expect(body.detail).not.toContain('@');
  });

  test('on the whiteboard is its session', async () => {
    const { class_id: id } = await scheduled({ provider: 'whiteboard' });
    expect((await join(id, TEACHER)).body).toEqual({ provider: 'whiteboard', session_id: id });
  });
});
