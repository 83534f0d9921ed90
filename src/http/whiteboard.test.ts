import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  at,
  HOUR_BEFORE_MS,
  type Json,
  MINUTE_MS,
  START_MS,
  startTestApp,
  type TestApp,
  token,
} from './test-app.ts';
import {
  isoAt,
  scheduleWhiteboard,
  storedConnections,
  tokenOf,
  type WhiteboardClass,
} from './test-whiteboard.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.stop());
beforeEach(() => {
  app.clock.nowMs = HOUR_BEFORE_MS;
});

type Call = 'connect' | 'disconnect' | 'heartbeat';
const say = async ({ id }: WhiteboardClass, call: Call, sub: string, connection?: string) =>
  await app.call('POST', `/api/whiteboard/sessions/${id}/${call}`, {
    token: await tokenOf(sub),
    ...(connection === undefined ? {} : { body: { connection_id: connection } }),
  });
const status = async ({ id }: WhiteboardClass): Promise<Json> =>
  (await app.call('GET', `/api/whiteboard/sessions/${id}/connection-status`)).body;
const evidence = async ({ id }: WhiteboardClass): Promise<Json[]> =>
  (await app.call('GET', `/api/classes/${id}/events`)).body.items;
const record = async ({ id }: WhiteboardClass, email: string): Promise<Json> =>
  (await app.call('GET', `/api/classes/${id}/attendance`)).body.records.find(
    (one: Json) => one.email === email,
  );
/** From `from` on, every 15 s until `to`; seconds of the lesson. */
async function beat(one: WhiteboardClass, sub: string, from: number, to: number): Promise<void> {
  for (let s = from; s <= to; s += 15) {
    app.clock.nowMs = START_MS + s * 1_000;
    expect((await say(one, 'heartbeat', sub)).status).toBe(202);
  }
}

describe('a connection', () => {
  test('is open once, however often somebody says so', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    for (const after of [0, 5_000, 9_000]) {
      app.clock.nowMs = START_MS + after;
      expect(await say(one, 'connect', one.student)).toMatchObject({
        status: 200,
        body: {
          session_id: one.id,
          connection_id: 'default',
          connected: true,
          connected_at: at(START_MS),
          heartbeat_seconds: 15,
        },
      });
    }
    expect(await storedConnections(app, one.id)).toHaveLength(1);
    expect((await evidence(one)).map(({ kind, at: when }) => [kind, when])).toEqual([
      ['joined', at(START_MS)],
    ]);
  });

  test('is closed once, and leaves in the log what it was', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    await say(one, 'connect', one.student);
    await beat(one, one.student, 10, 40);
    app.clock.nowMs = START_MS + 60_000;
    for (let n = 0; n < 2; n++) {
      const { status: code, body } = await say(one, 'disconnect', one.student);
      expect([code, body.connected]).toEqual([200, false]);
      app.clock.nowMs += 1_000;
    }
    expect(await storedConnections(app, one.id)).toMatchObject([
      { close_reason: 'disconnected', closed_at: new Date(START_MS + 60_000) },
    ]);
    const told = (await evidence(one)).map(({ kind, at: when, until, reason }) => [
      kind,
      when,
      until ?? null,
      reason ?? null,
    ]);
    expect(told.sort()).toEqual(
      [
        ['joined', at(START_MS), null, null],
        ['heartbeat', at(START_MS + 10_000), at(START_MS + 40_000), null],
        ['left', at(START_MS + 60_000), null, 'disconnected'],
        ['seen', at(START_MS), at(START_MS + 40_000), null],
      ].sort(),
    );
    expect(await record(one, one.student)).toMatchObject({
      present_seconds: 60,
      active_seconds: 50,
      flags: [],
    });
  });

  test('of another name is another one of the same person', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    await say(one, 'connect', one.teacher, 'tab-1');
    app.clock.nowMs = START_MS + 10_000;
    await say(one, 'connect', one.teacher, 'tab-2');
    expect((await status(one)).tutor).toMatchObject({
      connected: true,
      connections: 2,
      connected_since: at(START_MS),
    });
    await say(one, 'disconnect', one.teacher, 'tab-1');
    expect((await status(one)).tutor).toMatchObject({
      connected: true,
      connections: 1,
      connected_since: at(START_MS + 10_000),
    });
    await say(one, 'disconnect', one.teacher, 'tab-2');
    expect((await status(one)).tutor).toMatchObject({
      connected: false,
      connections: 0,
      connected_since: null,
    });
  });

  test('that is silent for more than 45 s was over at its last sign of life', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    await say(one, 'connect', one.student);
    app.clock.nowMs = START_MS + 10_000;
    await say(one, 'heartbeat', one.student);
    app.clock.nowMs = START_MS + 55_000;
    await app.presence.tick();
    expect(await storedConnections(app, one.id)).toMatchObject([{ closed_at: null }]);
    app.clock.nowMs = START_MS + 55_001;
    await app.presence.tick();
    expect(await storedConnections(app, one.id)).toMatchObject([
      { closed_at: new Date(START_MS + 10_000), close_reason: 'lost' },
    ]);
    expect(await record(one, one.student)).toMatchObject({ present_seconds: 10, flags: ['inferred'] });
    app.clock.nowMs = START_MS + 90_000;
    await say(one, 'heartbeat', one.student);
    await app.presence.tick();
    expect(await storedConnections(app, one.id)).toMatchObject([
      { close_reason: 'lost' },
      { connected_at: new Date(START_MS + 90_000), closed_at: null },
    ]);
  });

  test('of a server that is gone is closed by another, 10 s later', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    const dead = await startTestApp({ beside: app });
    await dead.call('POST', `/api/whiteboard/sessions/${one.id}/connect`, {
      token: await tokenOf(one.student),
    });
    await dead.stop();
    app.clock.nowMs = START_MS + 55_000;
    await app.presence.tick();
    expect(await storedConnections(app, one.id)).toMatchObject([{ closed_at: null }]);
    app.clock.nowMs = START_MS + 55_001;
    await app.presence.tick();
    expect(await storedConnections(app, one.id)).toMatchObject([
      { closed_at: new Date(START_MS), close_reason: 'lost' },
    ]);
  });

  test('goes on when the next call reaches another server', async () => {
    const one = await scheduleWhiteboard(app);
    const other = await startTestApp({ beside: app });
    try {
      app.clock.nowMs = START_MS;
      await say(one, 'connect', one.student);
      for (let s = 15; s <= 120; s += 15) {
        app.clock.nowMs = START_MS + s * 1_000;
        const server = s % 30 === 0 ? app : other;
        await server.call('POST', `/api/whiteboard/sessions/${one.id}/heartbeat`, {
          token: await tokenOf(one.student),
        });
        await Promise.all([app.presence.tick(), other.presence.tick()]);
      }
      const left = await other.call('POST', `/api/whiteboard/sessions/${one.id}/disconnect`, {
        token: await tokenOf(one.student),
      });
      expect(left.status).toBe(200);
      expect(await storedConnections(app, one.id)).toHaveLength(1);
      expect(await record(one, one.student)).toMatchObject({
        present_seconds: 120,
        active_seconds: 105,
        interruptions: 0,
      });
    } finally {
      await other.stop();
    }
  });
});

test('heartbeats that reach four servers by turns are those of one connection', async () => {
  const one = await scheduleWhiteboard(app);
  const others = await Promise.all([1, 2, 3].map(() => startTestApp({ beside: app })));
  const servers = [app, ...others];
  try {
    for (let s = 0; s <= 300; s += 15) {
      app.clock.nowMs = START_MS + s * 1_000;
      const server = servers[(s / 15) % servers.length];
      const beaten = await server?.call('POST', `/api/whiteboard/sessions/${one.id}/heartbeat`, {
        token: await tokenOf(one.student),
      });
      expect(beaten?.status).toBe(202);
      for (const each of servers) await each.presence.tick();
    }
    app.clock.nowMs = START_MS + 301_000;
    await say(one, 'disconnect', one.student);
    expect(await storedConnections(app, one.id)).toHaveLength(1);
    expect(await record(one, one.student)).toMatchObject({
      present_seconds: 301,
      bridged_seconds: 0,
      active_seconds: 301,
      flags: [],
    });
  } finally {
    for (const other of others) await other.stop();
  }
});

describe('heartbeats', () => {
  test('are gathered, and stored with the next statement', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    await say(one, 'connect', one.student);
    app.clock.nowMs = START_MS + 3_000;
    await say(one, 'heartbeat', one.student);
    expect(await storedConnections(app, one.id)).toMatchObject([{ last_heartbeat_at: null }]);
    await app.presence.tick();
    expect(await storedConnections(app, one.id)).toMatchObject([
      { last_heartbeat_at: new Date(START_MS + 3_000) },
    ]);
    expect((await status(one)).student).toBeNull();
    expect((await status(one)).students).toContainEqual(
      expect.objectContaining({ email: one.student, last_activity: at(START_MS + 3_000), connected: true }),
    );
  });

  test('connect whoever has not connected', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS + 5_000;
    expect((await say(one, 'heartbeat', one.student)).body.connected_at).toBe(at(START_MS + 5_000));
    expect((await evidence(one)).map(({ kind }) => kind)).toEqual(['joined']);
  });

  test.each([
    [30, 90],
    [31, 91],
  ])('%i s apart make %i s active: each lasts 30 s', async (apart, _seconds) => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    await say(one, 'connect', one.student);
    for (const s of [0, apart, 2 * apart]) {
      app.clock.nowMs = START_MS + s * 1_000;
      await say(one, 'heartbeat', one.student);
      await app.presence.tick();
    }
    app.clock.nowMs = START_MS + 100_000;
    await say(one, 'disconnect', one.student);
    expect((await record(one, one.student)).active_seconds).toBe(90);
    const spans = (await evidence(one)).filter(({ kind }) => kind === 'heartbeat');
    expect(spans).toHaveLength(apart === 30 ? 1 : 3);
  });
});

describe('who may, and when', () => {
  test('a whiteboard takes nobody before its class is opened, and says when that is', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS - 60_001;
    const early = await say(one, 'connect', one.student);
    expect([early.status, early.body.detail]).toEqual([
      409,
      `the class is not open yet; it opens at ${at(START_MS - 60_000)}`,
    ]);
    app.clock.nowMs = START_MS - 60_000;
    expect((await say(one, 'connect', one.student)).status).toBe(200);
  });

  test.each(['connect', 'heartbeat'] as const)('%s is refused when the class is over', async (call) => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS + 40 * MINUTE_MS;
    expect(await say(one, call, one.student)).toMatchObject({
      status: 409,
      body: { detail: 'the class is over' },
    });
    expect(await storedConnections(app, one.id)).toEqual([]);
  });

  test('a class that is cancelled takes nobody, and whoever is there can leave', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    await say(one, 'connect', one.student);
    await app.call('POST', `/api/classes/${one.id}/cancel`, { body: { reason: 'The teacher is ill.' } });
    expect(await say(one, 'connect', one.other)).toMatchObject({
      status: 409,
      body: { detail: 'the class is cancelled' },
    });
    expect((await say(one, 'disconnect', one.student)).status).toBe(200);
  });

  test.each(['connect', 'disconnect', 'heartbeat'] as const)(
    '%s is for those on the roster: to others the class is not there',
    async (call) => {
      const one = await scheduleWhiteboard(app);
      const path = `/api/whiteboard/sessions/${one.id}/${call}`;
      app.clock.nowMs = START_MS;
      const as = async (claims: Record<string, unknown>) =>
        (await app.call('POST', path, { token: await token(claims) })).status;
      expect(await as({ sub: 'stranger@school.example', role: 'student' })).toBe(404);
      expect(await as({ sub: 'stranger@school.example', role: 'teacher' })).toBe(404);
      await app.call('GET', '/api/tenant', { token: await token({ tenant: 'other' }) });
      expect(await as({ sub: one.student, role: 'student', tenant: 'other' })).toBe(404);
      expect(await as({ role: 'admin' })).toBe(404);
      expect(await as({ sub: one.student, role: 'guardian' })).toBe(403);
      expect((await app.call('POST', path, { token: null })).status).toBe(401);
    },
  );

  test('a principal who teaches is at the whiteboard with the token of an admin', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    const path = `/api/whiteboard/sessions/${one.id}/connect`;
    const { status } = await app.call('POST', path, {
      token: await token({ sub: one.teacher, role: 'admin' }),
    });
    expect(status).toBe(200);
    expect(await storedConnections(app, one.id)).toMatchObject([{ email: one.teacher }]);
  });

  test('the status is for those on the roster and the staff', async () => {
    const one = await scheduleWhiteboard(app, { student_emails: ['only@school.example'] });
    const path = `/api/whiteboard/sessions/${one.id}/connection-status`;
    const as = async (claims: Record<string, unknown>) =>
      await app.call('GET', path, { token: await token(claims) });
    for (const claims of [
      { role: 'admin' },
      { role: 'operator' },
      { sub: one.teacher, role: 'teacher' },
      { sub: 'only@school.example', role: 'student' },
    ]) {
      expect(await as(claims)).toMatchObject({
        status: 200,
        body: {
          tutor: { email: one.teacher, connected: false, active_seconds: 0 },
          student: { email: 'only@school.example' },
        },
      });
    }
    expect((await as({ sub: 'stranger@school.example', role: 'student' })).status).toBe(404);
    expect((await as({ role: 'guardian' })).status).toBe(403);
  });

  test.each([
    [{ connection_id: '' }, 'connection_id'],
    [{ connection_id: 'x'.repeat(65) }, 'connection_id'],
    [{ connection_id: 'with space' }, 'connection_id'],
    [{ connection_id: 7 }, 'connection_id'],
    [{ tab: 'a' }, 'tab'],
  ])('%j is refused by name', async (body, field) => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    const answer = await app.call('POST', `/api/whiteboard/sessions/${one.id}/connect`, {
      token: await tokenOf(one.student),
      body,
    });
    expect([answer.status, answer.body.errors?.[0].field]).toEqual([422, field]);
  });

  test('a person has at most twenty connections in a class', async () => {
    const one = await scheduleWhiteboard(app);
    app.clock.nowMs = START_MS;
    for (let n = 0; n < 20; n++)
      expect((await say(one, 'connect', one.student, `tab-${n}`)).status).toBe(200);
    expect((await say(one, 'connect', one.student, 'tab-20')).status).toBe(429);
    expect((await say(one, 'connect', one.student, 'tab-7')).status).toBe(200);
    expect((await say(one, 'connect', one.other)).status).toBe(200);
  });
});

test('presence and activity decide what the class was worth', async () => {
  const one = await scheduleWhiteboard(app);
  app.clock.nowMs = START_MS - 30_000;
  await say(one, 'connect', one.teacher);
  await beat(one, one.teacher, -15, 40 * 60 - 15);
  app.clock.nowMs = START_MS + 40 * MINUTE_MS - 1_000;
  await app.presence.tick();
  expect(await record(one, one.teacher)).toMatchObject({
    status: 'pending',
    is_late: false,
    first_join: isoAt(-0.5),
  });
  await app.owner`update classes set status = 'ended' where id = ${one.id}`;
  app.clock.nowMs = START_MS + 40 * MINUTE_MS + 10_000;
  const { status: code, body } = await app.call('POST', `/api/classes/${one.id}/recalculate`);
  expect(code).toBe(200);
  const teacher = body.records.find((record: Json) => record.email === one.teacher);
  expect(teacher).toMatchObject({ status: 'present', confidence: 'high' });
});
