import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { delivery, sign } from '../livekit/test-webhook.ts';
import { at, type Json, START_MS, startTestApp, type TestApp, token } from './test-app.ts';
import { type Watcher, watchClass } from './test-live.ts';
import { connectSocket, scheduleWhiteboard, tokenOf, type WhiteboardClass } from './test-whiteboard.ts';

const KEY = { apiKey: 'APIofTheTest', secret: 'thirty-two-characters-and-more-for-the-test', tenantId: null };

let app: TestApp;
let other: TestApp;
beforeAll(async () => {
  const livekit = { url: 'ws://127.0.0.1:1', keys: [KEY], key: KEY };
  app = await startTestApp({ livekit });
  other = await startTestApp({ beside: app });
  app.clock.nowMs = START_MS;
});
afterAll(async () => {
  await other.stop();
  await app.stop();
});

const watch = async (
  one: { id: string },
  given: { server?: TestApp; lastEventId?: string } = {},
): Promise<Watcher> =>
  await watchClass((given.server ?? app).url, one.id, { token: await token(), ...given });
const person = (data: Json, email: string): Json => data.people?.find((one: Json) => one.email === email);
const say = async ({ id }: WhiteboardClass, call: string, sub: string, server = app) =>
  await server.call('POST', `/api/whiteboard/sessions/${id}/${call}`, { token: await tokenOf(sub) });

describe('whoever watches a class', () => {
  test('gets the whole roll first, and then whoever changed', async () => {
    const one = await scheduleWhiteboard(app);
    const watcher = await watch(one);
    expect([
      watcher.status,
      watcher.headers.get('content-type'),
      watcher.headers.get('cache-control'),
    ]).toEqual([200, 'text/event-stream; charset=utf-8', 'no-store']);
    const first = await watcher.next();
    expect(first).toMatchObject({
      event: 'snapshot',
      data: { class_id: one.id, status: 'scheduled', guests: [] },
    });
    expect(
      first?.data.people.map(({ email, connected, status }: Json) => [email, connected, status]),
    ).toEqual([
      [one.teacher, false, 'pending'],
      [one.other, false, 'pending'],
      [one.student, false, 'pending'],
    ]);
    await say(one, 'connect', one.student);
    const came = await watcher.next();
    expect(came).toMatchObject({ event: 'change', data: { class_id: one.id } });
    expect(came?.data.people).toEqual([
      expect.objectContaining({ email: one.student, connected: true, connected_since: at(START_MS) }),
    ]);
    await say(one, 'disconnect', one.student);
    const left = await watcher.next();
    expect(person(left?.data, one.student)).toMatchObject({ connected: false, connected_since: null });
    expect(new Set([first?.id, came?.id, left?.id]).size).toBe(3);
    watcher.stop();
  });

  test('sees what reached another server', async () => {
    const one = await scheduleWhiteboard(app);
    const watcher = await watch(one, { server: other });
    await watcher.next();
    const client = await connectSocket(app.url, one.id, { sub: one.teacher });
    expect(person((await watcher.next())?.data, one.teacher).connected).toBe(true);
    client.socket.terminate();
    expect(person((await watcher.next())?.data, one.teacher).connected).toBe(false);
    watcher.stop();
  });

  test('sees LiveKit, Meet and imports as well, and who is nobody of the roster', async () => {
    const { body } = await app.call('POST', '/api/schedule/class', {
      body: {
        teacher_email: 'tt@school.example',
        student_emails: ['ss@school.example'],
        subject: 'Algebra',
        provider: 'livekit',
        start_time: at(START_MS),
        duration_minutes: 40,
      },
    });
    const one = { id: body.class_id as string };
    const watcher = await watch(one);
    const roster = (await watcher.next())?.data.people;
    const student = roster.find((row: Json) => row.role === 'student');

    const told = JSON.stringify(
      delivery('participant_joined', {
        room: body.room_name,
        sid: 'PA_live',
        identity: `${student.person_id}:web`,
        atMs: START_MS,
      }),
    );
    const headers = { authorization: await sign(told, { key: KEY }) };
    expect((await app.call('POST', '/webhooks/livekit', { token: null, raw: told, headers })).status).toBe(
      200,
    );
    expect(person((await watcher.next())?.data, 'ss@school.example').connected).toBe(true);

    // As a fetch of participants stores it.
    await app.owner`insert into identities (tenant_id, source, identity, kind) values ('school', 'meet', 'users/7', 'anonymous')`;
    await app.owner`insert into class_identities (tenant_id, class_id, identity_id, state)
      select 'school', ${one.id}, id, 'unmatched' from identities where identity = 'users/7'`;
    const listed = [{ connection: 'c7', identity: 'users/7', startMs: START_MS, endMs: null }];
    await app.owner`insert into sweeps (tenant_id, class_id, source, at, ok, scope, rooms, connections)
      values ('school', ${one.id}, 'meet', ${at(START_MS)}, true, 'present', '[]', ${app.owner.json(listed)})`;
    const guests = (await watcher.next())?.data.guests;
    expect(guests).toEqual([{ identity: 'users/7', source: 'meet', connected: true, since: at(START_MS) }]);

    await app.call('POST', '/api/sources', { body: { name: 'zoom', kind: 'in_call' } });
    await app.call('POST', `/api/classes/${one.id}/events`, {
      body: {
        source: 'zoom',
        events: [
          {
            source_event_id: 'z1',
            kind: 'joined',
            at: at(START_MS),
            connection_id: 'z',
            email: 'tt@school.example',
          },
        ],
      },
    });
    expect(person((await watcher.next())?.data, 'tt@school.example').connected).toBe(true);
    watcher.stop();
  });

  test('is told of a mark, and of another roster and time', async () => {
    const one = await scheduleWhiteboard(app, { start_time: at(START_MS + 3_600_000) });
    const watcher = await watch(one);
    await watcher.next();
    const marked = await app.call('PUT', `/api/tutor/sessions/${one.id}/attendance`, {
      body: { tutor_attendance_status: 'excused' },
    });
    expect(marked.status).toBe(200);
    expect(person((await watcher.next())?.data, one.teacher)).toMatchObject({
      status: 'excused',
      source: 'manual',
    });
    const changed = await app.call('PATCH', `/api/classes/${one.id}`, {
      body: { student_emails: [one.student], start_time: at(START_MS + 7_200_000) },
    });
    expect(changed.status).toBe(200);
    const next = await watcher.next();
    expect(next?.data).toMatchObject({ start_time: at(START_MS + 7_200_000) });
    expect(next?.data.removed).toHaveLength(1);
    watcher.stop();
  });

  test('hears nothing of heartbeats', async () => {
    const one = await scheduleWhiteboard(app);
    await say(one, 'connect', one.student);
    const watcher = await watch(one);
    await watcher.next();
    await say(one, 'heartbeat', one.student);
    await app.presence.tick();
    await say(one, 'disconnect', one.student);
    // The very next event is the end.
    expect(person((await watcher.next())?.data, one.student).connected).toBe(false);
    watcher.stop();
  });
});

describe('whoever comes back', () => {
  test('with the last id goes on without a snapshot when nothing happened, on any server', async () => {
    const one = await scheduleWhiteboard(app);
    const before = await watch(one);
    const { id = '' } = (await before.next()) ?? {};
    before.stop();
    const after = await watch(one, { lastEventId: id, server: other });
    await say(one, 'connect', one.student);
    const next = await after.next();
    expect([next?.event, person(next?.data, one.student).connected]).toEqual(['change', true]);
    after.stop();
  });

  test('gets the whole roll when something happened meanwhile', async () => {
    const one = await scheduleWhiteboard(app);
    const before = await watch(one);
    const { id = '' } = (await before.next()) ?? {};
    before.stop();
    await say(one, 'connect', one.student);
    const after = await watch(one, { lastEventId: id });
    const next = await after.next();
    expect([next?.event, person(next?.data, one.student).connected]).toEqual(['snapshot', true]);
    after.stop();
  });
});

describe('the end', () => {
  test('of a class is told, the stream closes, and whoever comes back with its id is told to stay away', async () => {
    const one = await scheduleWhiteboard(app);
    const watcher = await watch(one);
    await watcher.next();
    await app.call('POST', `/api/classes/${one.id}/cancel`, { body: { reason: 'The teacher is ill.' } });
    expect(await watcher.next()).toMatchObject({ event: 'change', data: { status: 'cancelled' } });
    const last = await watcher.next();
    expect(last).toMatchObject({ event: 'settled', data: { class_id: one.id, status: 'cancelled' } });
    expect(await watcher.next()).toBeNull();
    for (let n = 0; n < 3; n++) {
      expect((await watch(one, { lastEventId: last?.id ?? '' })).status).toBe(204);
    }
    await expect.poll(async () => (await app.metrics.liveWatchers.get()).values[0]?.value).toBe(0);
    const late = await watch(one);
    expect([(await late.next())?.event, (await late.next())?.event, await late.next()]).toEqual([
      'snapshot',
      'settled',
      null,
    ]);
  });

  test('of a token ends the stream of whoever came with it', async () => {
    const one = await scheduleWhiteboard(app);
    const watcher = await watchClass(app.url, one.id, { token: await token({}, { expires: '4s' }) });
    expect((await watcher.next())?.event).toBe('snapshot');
    expect(await watcher.next()).toBeNull();
  });

  test('of a server ends its streams, and loses nothing', async () => {
    const one = await scheduleWhiteboard(app);
    const going = await startTestApp({ beside: app });
    const watcher = await watch(one, { server: going });
    const { id = '' } = (await watcher.next()) ?? {};
    await going.stop();
    expect(await watcher.next()).toBeNull();
    await say(one, 'connect', one.student);
    const after = await watch(one, { lastEventId: id });
    expect(person((await after.next())?.data, one.student).connected).toBe(true);
    after.stop();
  });
});

test('a watcher that does not read is cut off, and harms nobody', async () => {
  const one = await scheduleWhiteboard(app, { subject: 'x'.repeat(200) });
  const { hostname, port } = new URL(app.url);
  const deaf = connect({ host: hostname, port: Number(port) });
  deaf.pause();
  deaf.write(
    `GET /api/classes/${one.id}/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await token()}\r\n\r\n`,
  );
  const watcher = await watch(one);
  await watcher.next();
  await say(one, 'connect', one.student);
  await watcher.next();
  await app.call('POST', `/api/classes/${one.id}/cancel`, { body: { reason: 'The teacher is ill.' } });
  await watcher.next();
  expect((await watcher.next())?.event).toBe('settled');
  // After its end, for whoever has not read it.
  await app.owner`update classes set subject = 'other' where id = ${one.id}`;
  const later = await scheduleWhiteboard(app);
  const other = await watch(later);
  expect((await other.next())?.event).toBe('snapshot');
  other.stop();
  deaf.destroy();
});

test('a broken listener is noticed by nobody who watches: it listens again, and looks at everything', async () => {
  const one = await scheduleWhiteboard(app);
  const watcher = await watch(one);
  await watcher.next();
  await app.owner`select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%'`;
  await say(one, 'connect', one.student);
  expect(person((await watcher.next())?.data, one.student).connected).toBe(true);
  watcher.stop();
});

test.each([
  [{ role: 'operator' }, 200],
  [{ role: 'student', sub: 'whoever@school.example' }, 403],
  [{ role: 'teacher', sub: 'stranger@school.example' }, 404],
  [{ role: 'guardian' }, 403],
])('%j gets %i', async (claims, status) => {
  const one = await scheduleWhiteboard(app);
  const watcher = await watchClass(app.url, one.id, { token: await token(claims) });
  expect(watcher.status).toBe(status);
  watcher.stop();
  const own = await watchClass(app.url, one.id, { token: await tokenOf(one.teacher) });
  expect(own.status).toBe(200);
  own.stop();
});
