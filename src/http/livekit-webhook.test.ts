import { hash, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { asKept, delivery, KEY, LIVEKIT, sha256, sign } from '../livekit/test-webhook.ts';
import { at, type Json, lesson, START_MS, startTestApp, type TestApp, token } from './test-app.ts';

const OWN_KEY = {
  apiKey: 'APIofAcademy',
  secret: 'another-secret-of-more-than-thirty-two-chars',
  tenantId: 'academy',
};
const NEXT_KEY = { apiKey: 'APInext', secret: 'the-secret-that-comes-next-in-the-rotation', tenantId: null };
const PATH = '/webhooks/livekit';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ livekit: { ...LIVEKIT, keys: [KEY, NEXT_KEY, OWN_KEY] } });
});
afterAll(() => app.stop());
// What lies more than five minutes ahead has not happened.
beforeEach(() => {
  app.clock.nowMs = START_MS - 1_000;
});

interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

async function send(what: Record<string, unknown> | string, key = KEY): Promise<Answer> {
  const body = typeof what === 'string' ? what : JSON.stringify(what);
  return await post(body, { authorization: await sign(body, { key }) });
}

async function post(body: string | Buffer, headers: Record<string, string>): Promise<Answer> {
  return await app.call('POST', PATH, {
    token: null,
    raw: typeof body === 'string' ? body : new Uint8Array(body),
    headers: { 'content-type': 'application/webhook+json', ...headers },
  });
}

interface Scheduled {
  id: string;
  room: string;
  teacher: string;
  students: string[];
}

let made = 0;
async function schedule(change: Record<string, unknown> = {}): Promise<Scheduled> {
  const n = ++made;
  const { status, body } = await app.call('POST', '/api/schedule/class', {
    body: lesson({
      provider: 'livekit',
      teacher_email: `teacher-${n}@school.example`,
      student_emails: [`amal-${n}@school.example`, `basil-${n}@school.example`],
      ...change,
    }),
  });
  expect(status, JSON.stringify(body)).toBe(201);
  const { roster } = (await app.call('GET', `/api/classes/${body.class_id}`)).body;
  const ids = roster.map((one: Json) => one.person_id);
  return { id: body.class_id, room: body.room_name, teacher: ids[0], students: ids.slice(1) };
}

const eventsOf = async ({ id }: Scheduled): Promise<Json[]> =>
  (await app.call('GET', `/api/classes/${id}/events?limit=200`)).body.items;

const stored = (body: Json): string => body.stored;

async function rowsInLog(): Promise<number> {
  return (await app.count('events')) + (await app.count('set_aside')) + (await app.count('identities'));
}

/** So long that the news of what was stored would have been told, if they rang. */
const untilTold = () => sleep(400);

describe('a delivery that LiveKit signed', () => {
  test('is in the log when it is acknowledged', async () => {
    const one = await schedule();
    const joinedMs = START_MS + 1_234;
    const told = { room: one.room, roomSid: 'RM_a', sid: 'PA_a', identity: `${one.students[0]}:web` };
    app.clock.nowMs = START_MS + 60_000;
    expect(await send(delivery('participant_joined', { ...told, atMs: joinedMs }))).toMatchObject({
      status: 200,
      body: { stored: 'accepted' },
    });
    const leftMs = START_MS + 30_000;
    await send(delivery('participant_left', { ...told, atMs: leftMs, joinedMs }));
    expect(await eventsOf(one)).toMatchObject([
      {
        source: 'livekit',
        kind: 'joined',
        at: at(joinedMs),
        connection_id: 'PA_a',
        room_id: 'RM_a',
        identity: one.students[0],
      },
      { source: 'livekit', kind: 'left', at: at(leftMs), joined_at: at(joinedMs), connection_id: 'PA_a' },
    ]);
  });

  test('is kept as it came', async () => {
    const one = await schedule();
    const body = JSON.stringify(
      delivery('room_started', {
        room: one.room,
        atMs: START_MS,
        more: { fieldOfTomorrow: { deep: [1, 'ü'] } },
      }),
      null,
      1,
    );
    await send(body);
    const [row] = await app.owner`select raw from events where class_id = ${one.id}`;
    expect(row?.raw).toBe(asKept(body));
  });

  test('may be signed with any of the keys while they are exchanged', async () => {
    const one = await schedule();
    const told = { room: one.room, atMs: START_MS };
    expect((await send(delivery('room_started', told), NEXT_KEY)).body).toEqual({ stored: 'accepted' });
    expect((await send(delivery('room_finished', told), KEY)).body).toEqual({ stored: 'accepted' });
  });

  test('of one tenant opens no room of another', async () => {
    const one = await schedule();
    expect((await send(delivery('room_started', { room: one.room, atMs: START_MS }), OWN_KEY)).body).toEqual({
      stored: 'set_aside',
    });
    expect(await eventsOf(one)).toEqual([]);
  });

  test.for([
    'participant_joined',
    'participant_left',
    'participant_connection_aborted',
    'room_started',
    'room_finished',
  ])('changes nothing when it comes again: %s', async (event) => {
    const one = await schedule();
    const told = delivery(event, { room: one.room, sid: 'PA_b', atMs: START_MS + 5_000 });
    const answers = await Promise.all([send(told), send(told), send(told)]);
    answers.push(await send(told));
    expect(answers.map(({ body }) => stored(body)).sort()).toEqual([
      'accepted',
      'duplicate',
      'duplicate',
      'duplicate',
    ]);
    expect(await eventsOf(one)).toHaveLength(1);
  });

  test('under an id that is stored with other content is kept for the operator, and the first stays', async () => {
    const one = await schedule();
    const told = { id: 'EV_same', room: one.room, sid: 'PA_c' };
    await send(delivery('participant_joined', { ...told, atMs: START_MS }));
    expect((await send(delivery('participant_joined', { ...told, atMs: START_MS + 1_000 }))).body).toEqual({
      stored: 'set_aside',
    });
    expect((await eventsOf(one)).map(({ at: when }) => when)).toEqual([at(START_MS)]);
    const { items } = (await app.call('GET', '/api/set-aside?why=conflicting')).body;
    expect(items).toMatchObject([
      { why: 'conflicting', event: 'participant_joined', room_name: one.room, class_id: one.id },
    ]);
  });

  test('of a kind that says nothing about presence is kept, and nothing follows from it', async () => {
    const one = await schedule();
    for (const event of ['track_published', 'egress_started', 'event_of_tomorrow']) {
      expect((await send(delivery(event, { room: one.room, sid: 'PA_d', atMs: START_MS }))).body).toEqual({
        stored: 'set_aside',
      });
    }
    expect(await eventsOf(one)).toEqual([]);
    const rows = await app.owner`select event, why from set_aside where room_name = ${one.room} order by id`;
    expect(rows.map(({ event, why }) => [event, why])).toEqual([
      ['track_published', 'other'],
      ['egress_started', 'other'],
      ['event_of_tomorrow', 'other'],
    ]);
  });
});

describe('who it is about', () => {
  const identityOf = async (identity: string): Promise<Json> =>
    (
      await app.owner`select i.kind, i.email, c.state, c.person_id from identities i
      left join class_identities c on c.tenant_id = i.tenant_id and c.identity_id = i.id
      where i.tenant_id = 'school' and i.identity = ${identity}`
    )[0];

  test('the identity of a join token is its person, whatever the device', async () => {
    const one = await schedule();
    const [student] = one.students;
    for (const device of ['web', 'phone']) {
      const told = { room: one.room, sid: `PA_${device}`, identity: `${student}:${device}`, atMs: START_MS };
      await send(delivery('participant_joined', told));
    }
    expect(await identityOf(student ?? '')).toMatchObject({ state: 'matched', person_id: student });
    expect((await eventsOf(one)).map(({ identity }) => identity)).toEqual([student, student]);
  });

  test('anybody else waits in the review queue, whatever name is displayed', async () => {
    const one = await schedule();
    const participant = { name: 'amal' };
    await send(
      delivery('participant_joined', {
        room: one.room,
        sid: 'PA_e',
        identity: 'stranger',
        atMs: START_MS,
        participant,
      }),
    );
    expect(await identityOf('stranger')).toMatchObject({ state: 'unmatched', person_id: null });
  });

  test.for([
    ['an agent', { kind: 'AGENT' }, 'machine'],
    ['egress', { kind: 'EGRESS' }, 'machine'],
    ['ingress', { kind: 'INGRESS' }, 'machine'],
    ['a recorder', { permission: { recorder: true } }, 'machine'],
    ['a dial-in', { kind: 'SIP' }, 'phone'],
    ['a kind of tomorrow', { kind: 77 }, 'other'],
  ] as const)('%s is set apart as what it is', async ([name, participant, kind]) => {
    const one = await schedule();
    const identity = `${name} of ${one.id}`;
    await send(
      delivery('participant_joined', { room: one.room, sid: 'PA_f', identity, atMs: START_MS, participant }),
    );
    expect(await identityOf(`${kind}:${identity}`)).toMatchObject({ kind });
    const queue = (await app.call('GET', '/api/identities?state=unmatched&limit=200')).body.items;
    expect(queue.some((item: Json) => item.identity === `${kind}:${identity}`)).toBe(kind !== 'machine');
  });

  test('a machine is never taken for the person whose identity it has, nor a dial-in for another', async () => {
    await app.call('PATCH', '/api/tenant', { body: { identity_form: 'itqan' } });
    const one = await schedule();
    const joins = async (sid: string, identity: string, kind: string) =>
      await send(
        delivery('participant_joined', {
          room: one.room,
          sid,
          identity,
          atMs: START_MS,
          participant: { kind },
        }),
      );
    await joins('PA_m1', `${one.teacher}:obs`, 'INGRESS');
    await joins('PA_m2', `${one.teacher}:web`, 'STANDARD');
    await joins('PA_m3', 'sip_4930111', 'SIP');
    await joins('PA_m4', 'sip_4930222', 'SIP');
    await app.call('PATCH', '/api/tenant', { body: { identity_form: null } });
    expect((await eventsOf(one)).map(({ identity }) => identity)).toEqual([
      `machine:${one.teacher}:obs`,
      one.teacher,
      'phone:sip_4930111',
      'phone:sip_4930222',
    ]);
    expect(await identityOf(one.teacher)).toMatchObject({ kind: 'signed_in', person_id: one.teacher });
  });

  test("Itqan's identities are one person under every name, where the tenant writes them", async () => {
    await app.call('PATCH', '/api/tenant', { body: { identity_form: 'itqan' } });
    const one = await schedule();
    for (const [index, identity] of ['4711_Amal_Haddad', '4711_Amal_Haddad-Said'].entries()) {
      await send(
        delivery('participant_joined', { room: one.room, sid: `PA_g${index}`, identity, atMs: START_MS }),
      );
    }
    await app.call('PATCH', '/api/tenant', { body: { identity_form: null } });
    expect((await eventsOf(one)).map(({ identity }) => identity)).toEqual(['4711', '4711']);
  });
});

describe('a room that no class owns', () => {
  test('finds its class when that is scheduled later', async () => {
    await app.call('PATCH', '/api/tenant', { body: { room_pattern: 'room-{class_id}' } });
    // Moved to LiveKit later, so that the room is known before the class has it.
    const one = await schedule({ provider: 'meet' });
    const room = `room-${one.id}`;
    const told = { room, sid: 'PA_h', identity: `${one.teacher}:web`, atMs: START_MS };
    expect((await send(delivery('participant_joined', told))).body).toEqual({ stored: 'set_aside' });
    expect((await app.call('GET', '/api/set-aside?why=no_class')).body.items).toMatchObject([
      { room_name: room, event: 'participant_joined', class_id: null },
    ]);
    app.clock.nowMs = START_MS - 1_000;
    expect(
      (await app.call('PATCH', `/api/classes/${one.id}`, { body: { provider: 'livekit' } })).status,
    ).toBe(200);
    expect(await eventsOf(one)).toMatchObject([
      { kind: 'joined', connection_id: 'PA_h', identity: one.teacher },
    ]);
    expect((await app.call('GET', '/api/set-aside?why=no_class')).body.items).toEqual([]);
    await app.call('PATCH', '/api/tenant', { body: { room_pattern: null } });
  });

  test("is counted where it is no school's", async () => {
    const counted = async () => (await app.metrics.unownedDeliveries.get()).values[0]?.value ?? 0;
    const before = await counted();
    // A room that no class has and no pattern claims is the only school's, while there is only one.
    await app.call('GET', '/api/tenant', { token: await token({ tenant: 'beside' }) });
    await send(delivery('room_started', { room: 'whose-ever', atMs: START_MS }));
    expect(await counted()).toBe(before + 1);
    await send(delivery('room_started', { room: `school-quran-session-${randomUUID()}`, atMs: START_MS }));
    expect(await counted()).toBe(before + 1);
  });

  test('is what it was when it came: an impossible time becomes no better with waiting', async () => {
    await app.call('PATCH', '/api/tenant', { body: { room_pattern: 'room-{class_id}' } });
    const one = await schedule({ provider: 'meet' });
    const room = `room-${one.id}`;
    for (const [index, joinedAtMs] of ['8700000000000000', '253370764800000'].entries()) {
      await send(
        delivery('participant_joined', {
          room,
          sid: `PA_j${index}`,
          identity: `${one.teacher}:web`,
          atMs: START_MS + index,
          participant: { joinedAtMs },
        }),
      );
    }
    // By the clock of the database, which received them.
    app.clock.nowMs = START_MS - 1_000;
    const moved = await app.call('PATCH', `/api/classes/${one.id}`, { body: { provider: 'livekit' } });
    await app.call('PATCH', '/api/tenant', { body: { room_pattern: null } });
    expect(moved.status, JSON.stringify(moved.body)).toBe(200);
    const seconds = Math.floor(START_MS / 1_000) * 1_000;
    expect((await eventsOf(one)).map(({ at: when }) => when)).toEqual([at(seconds), at(seconds)]);
  });

  test('is shown to nobody but the tenant whose it is', async () => {
    await send(delivery('room_started', { room: 'room-of-academy', atMs: START_MS }), OWN_KEY);
    const shown = (await app.call('GET', '/api/set-aside?limit=200')).body.items;
    expect(shown.some((item: Json) => item.room_name === 'room-of-academy')).toBe(false);
  });
});

describe('what cannot be used is kept as that where its signature is good', () => {
  const absurd = (ms: number) => ({ createdAt: String(ms) });
  const CASES: [string, (room: string) => string | Record<string, unknown>][] = [
    ['broken JSON', () => '{"event":'],
    ['no object', () => '17'],
    ['empty', () => ''],
    ['other types', (room) => ({ event: 'room_started', room: { name: room }, createdAt: { no: 1 } })],
    [
      'no room',
      () => ({
        event: 'participant_joined',
        id: 'EV_x1',
        createdAt: '1788771600',
        participant: { sid: 'PA', identity: 'a' },
      }),
    ],
    [
      'no participant',
      (room) => ({ event: 'participant_joined', id: 'EV_x2', createdAt: '1788771600', room: { name: room } }),
    ],
    ['the year 0', (room) => delivery('room_started', { room, atMs: START_MS, more: absurd(0) })],
    [
      'the year 9999',
      (room) => delivery('room_finished', { room, atMs: START_MS, more: absurd(253_370_764_800) }),
    ],
    ['a negative time', (room) => delivery('room_finished', { room, atMs: START_MS, more: absurd(-5) })],
    ['words that cannot be kept', () => `😀${'x'.repeat(190)}😀`],
    ['a NUL in words', (room) => ({ event: 'room_started', room: { name: room }, createdAt: 'a\u0000b' })],
    ['half a letter', (room) => `{"event":"room_started","room":{"name":"${room}"},"createdAt":"a\\ud83db"}`],
    ['a NUL', () => '{"event":"room_started","id":"\0"}'],
    ['nesting of 10,000', () => '['.repeat(10_000) + ']'.repeat(10_000)],
    [
      'more than 64 KiB',
      (room) => delivery('room_started', { room, atMs: START_MS, more: { pad: 'x'.repeat(70_000) } }),
    ],
  ];
  test.for(CASES)('%s', async ([, make]) => {
    const one = await schedule();
    const before = await app.count('set_aside');
    const answer = await send(make(one.room));
    expect([answer.status, answer.body]).toEqual([200, { stored: 'set_aside' }]);
    expect(await app.count('set_aside')).toBe(before + 1);
    const [row] = await app.owner`select why, reason from set_aside order by id desc limit 1`;
    expect(row).toMatchObject({ why: 'unusable', reason: expect.stringMatching(/\w+/) });
    expect(await eventsOf(one)).toEqual([]);
  });

  test('64 KiB are read, and no byte more', async () => {
    const one = await schedule();
    const padded = (bytes: number): string => {
      const more = (pad: string) => ({ more: { pad } });
      const of = (pad: string): string =>
        JSON.stringify(delivery('room_started', { room: one.room, atMs: START_MS + bytes, ...more(pad) }));
      return of('x'.repeat(bytes - of('').length));
    };
    const answers = [await send(padded(65_536)), await send(padded(65_537))];
    expect(answers.map(({ body }) => body)).toEqual([{ stored: 'accepted' }, { stored: 'set_aside' }]);
    expect(await eventsOf(one)).toHaveLength(1);
  });

  test('a time in milliseconds is read as one', async () => {
    const one = await schedule();
    await send(delivery('room_finished', { room: one.room, atMs: START_MS, more: absurd(START_MS) }));
    expect((await eventsOf(one)).map(({ at: when }) => when)).toEqual([at(START_MS)]);
  });

  test('an impossible beginning is taken for one that is not known', async () => {
    const one = await schedule();
    const participant = { joinedAt: '253370764800', joinedAtMs: '253370764800000' };
    await send(delivery('participant_left', { room: one.room, sid: 'PA_i', atMs: START_MS, participant }));
    expect(await eventsOf(one)).toMatchObject([{ kind: 'left', at: at(START_MS), joined_at: null }]);
  });

  test('a field that is nested deeply but not known disturbs nobody', async () => {
    const one = await schedule();
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`;
    const body = JSON.stringify(delivery('room_started', { room: one.room, atMs: START_MS })).replace(
      /\}$/,
      `,"deep":${deep}}`,
    );
    expect((await send(body)).body).toEqual({ stored: 'accepted' });
  });
});

describe('what LiveKit did not sign', () => {
  test('ten thousand forgeries get 401 and leave no row', { timeout: 120_000 }, async () => {
    const one = await schedule();
    const body = JSON.stringify(
      delivery('participant_joined', { room: one.room, sid: 'PA_z', atMs: START_MS }),
    );
    const good = await sign(body);
    const [head, claims, mac] = good.split('.') as [string, string, string];
    const plain = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const forged: (readonly [string | Buffer, Record<string, string>])[] = [
      [body, {}],
      [body, { authorization: '' }],
      [body, { authorization: `Bearer ${good}` }],
      [body, { authorization: `${good}, ${good}` }],
      [body, { authorization: good.slice(0, -4) }],
      [body, { authorization: `${head}.${claims}.` }],
      [body, { authorization: `${plain({ alg: 'none' })}.${claims}.` }],
      [body, { authorization: `${plain({ alg: 'none' })}.${claims}.${mac}` }],
      [
        body,
        {
          authorization: await sign(body, {
            key: { ...KEY, secret: 'not-the-secret-but-as-long-as-that-one' },
          }),
        },
      ],
      [body, { authorization: await sign(body, { key: { ...KEY, apiKey: 'APInobody' } }) }],
      [body, { authorization: await sign(body, { key: { ...OWN_KEY, secret: KEY.secret } }) }],
      [body, { authorization: await sign(body, { life: [900, -300] }) }],
      [body, { authorization: await sign(body, { life: [-300, 900] }) }],
      [body, { authorization: await sign(body, { hash: sha256(`${body} `) }) }],
      [body, { authorization: await sign(body, { hash: '' }) }],
      [body.replace('PA_z', 'PA_y'), { authorization: good }],
      [JSON.stringify(JSON.parse(body), null, 1), { authorization: good }],
      [body.slice(0, -1), { authorization: good }],
      ['', { authorization: good }],
      [Buffer.concat([Buffer.from(body), Buffer.from([0])]), { authorization: good }],
    ];
    const before = await rowsInLog();
    const statuses = new Map<number, number>();
    for (let n = 0; n < 10_000; n += 40) {
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, k) => {
          const [sent, headers] = forged[(n + k) % forged.length] ?? ['', {}];
          return post(sent, headers);
        }),
      );
      for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(Object.fromEntries(statuses)).toEqual({ 401: 10_000 });
    expect(await rowsInLog()).toBe(before);
    // And the one that is not forged is taken.
    expect((await post(body, { authorization: good })).status).toBe(200);
  });

  test('two Authorization headers are as good as none', async () => {
    const one = await schedule();
    const body = JSON.stringify(delivery('room_started', { room: one.room, atMs: START_MS }));
    const good = await sign(body);
    const { hostname, port } = new URL(app.url);
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () =>
        socket.end(
          `POST ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: ${good}\r\nAuthorization: nonsense\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
        ),
      );
      let text = '';
      socket
        .on('data', (data) => (text += data))
        .on('end', () => resolve(text))
        .on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
    expect(await eventsOf(one)).toEqual([]);
  });

  test('a replay is a duplicate within the life of its token and refused after it', async () => {
    const one = await schedule();
    const body = JSON.stringify(delivery('room_started', { room: one.room, atMs: START_MS }));
    await post(body, { authorization: await sign(body) });
    const before = await rowsInLog();
    expect((await post(body, { authorization: await sign(body, { life: [200, 100] }) })).status).toBe(200);
    expect((await post(body, { authorization: await sign(body, { life: [600, -300] }) })).status).toBe(401);
    expect(await rowsInLog()).toBe(before);
  });

  test('whoever sends bodies slowly keeps nobody out', async () => {
    const { hostname, port } = new URL(app.url);
    const slow = await Promise.all(
      Array.from({ length: 450 }, async () => {
        const socket = connect(Number(port), hostname);
        await new Promise((resolve) => socket.once('connect', resolve));
        socket.write(`POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"event":`);
        return socket;
      }),
    );
    const one = await schedule();
    expect((await send(delivery('room_started', { room: one.room, atMs: START_MS }))).status).toBe(200);
    const ended = async (outcome: string): Promise<number> =>
      (await app.metrics.webhookSeconds.get()).values.find(
        ({ labels, metricName }) => metricName?.endsWith('_count') && labels.outcome === outcome,
      )?.value ?? 0;
    const before = { cut: await ended('broken-request'), refused: await ended('try-again') };
    for (const socket of slow) socket.destroy();
    await expect.poll(() => ended('broken-request'), { timeout: 20_000 }).toBe(before.cut + 450);
    // Who would be told to come back.
    expect(await ended('try-again')).toBe(before.refused);
  });

  describe('a crowd of forgeries', () => {
    /** In one piece on one connection: all are read in one turn of the event loop, before anybody is verified. */
    async function atOnce(of: TestApp, requests: string[]): Promise<number[]> {
      const { hostname, port } = new URL(of.url);
      const socket = connect(Number(port), hostname);
      let answers = '';
      socket.on('data', (data) => (answers += String(data)));
      socket.write(requests.join(''));
      const statuses = () => [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
      await vi.waitUntil(() => statuses().length === requests.length, { timeout: 20_000 });
      socket.destroy();
      return statuses();
    }
    const request = (headers: string, body: string): string =>
      `POST ${PATH} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
    const forged = (n: number): string[] => Array<string>(n).fill(request('', '{}'));
    async function genuine(): Promise<string> {
      const body = JSON.stringify(delivery('room_started', { room: 'room-of-nobody', atMs: START_MS }));
      return request(`Authorization: ${await sign(body)}\r\n`, body);
    }

    test('keeps nobody out, once one has been found out', async () => {
      expect(await atOnce(app, forged(1))).toEqual([401]);
      expect(await atOnce(app, [...forged(500), await genuine()])).toEqual([...Array(500).fill(401), 200]);
    });

    test('takes the places before that, and LiveKit is to send again: what was read holds one', async () => {
      const quiet = await startTestApp({ livekit: LIVEKIT });
      onTestFinished(() => quiet.stop());
      const statuses = await atOnce(quiet, [...forged(450), await genuine()]);
      expect(statuses).toEqual([...Array(450).fill(401), 503]);
    });
  });

  test('one of megabytes is kept as unusable, by its beginning, the hash of that, and its size', async () => {
    const body = JSON.stringify({ pad: 'x'.repeat(3_000_000) });
    const answer = await post(body, { authorization: await sign(body) });
    expect([answer.status, answer.body]).toEqual([200, { stored: 'set_aside' }]);
    const [kept] = await app.owner`select reason, raw_hash, length(raw) as characters
      from set_aside where reason like ${`it has ${body.length} bytes%`}`;
    expect(kept?.raw_hash).toBe(hash('sha256', body.slice(0, 65_536), 'hex'));
    expect(kept?.characters).toBeLessThan(100_000);
  });

  test('one of megabytes with another body than was signed is refused', async () => {
    const body = JSON.stringify({ pad: 'x'.repeat(3_000_000) });
    const before = await rowsInLog();
    expect((await post(`${body} `, { authorization: await sign(body) })).status).toBe(401);
    expect(await rowsInLog()).toBe(before);
  });

  test('a large body that nobody signed is not read to its end', async () => {
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    const answer = new Promise<string>((resolve) => socket.on('data', (data) => resolve(String(data))));
    socket.write(`POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n${'x'.repeat(70_000)}`);
    expect(await answer).toMatch(/^HTTP\/1.1 401 [\s\S]*Connection: close\r\n/);
    socket.destroy();
  });

  test.for([`${PATH}/`, `${PATH}?from=livekit`, `${PATH}/?a=b`])('%s is the same path', async (path) => {
    const one = await schedule();
    const body = JSON.stringify(delivery('room_started', { room: one.room, atMs: START_MS }));
    const headers = { authorization: await sign(body) };
    expect((await app.call('POST', path, { token: null, raw: body, headers })).status).toBe(200);
  });

  test('what is more than can be stored in time is refused for now, and what was taken is stored', async () => {
    const one = await schedule();
    const bodies = Array.from({ length: 550 }, (_, n) =>
      JSON.stringify(delivery('room_started', { room: one.room, atMs: START_MS + n })),
    );
    const refused: Answer[] = [];
    const full = Promise.withResolvers<void>();
    const { answers } = await app.owner.begin(async (tx) => {
      await tx`lock table events in exclusive mode`;
      const sent = bodies.map(async (body) => {
        const answer = await post(body, { authorization: await sign(body) });
        if (refused.push(answer) === 100) full.resolve();
        return answer;
      });
      // Nothing can be stored, so whoever has an answer has been refused.
      await full.promise;
      return { answers: sent };
    });
    for (const { status, headers } of refused.slice(0, 100)) {
      expect([status, headers.get('retry-after')]).toEqual([503, expect.stringMatching(/^[2-5]$/)]);
    }
    const taken = (await Promise.all(answers)).filter(({ status }) => status === 200).length;
    expect(taken).toBe(450);
    const [kept] = await app.owner`select count(*)::integer as n from events where class_id = ${one.id}`;
    expect(kept?.n).toBe(taken);
  });

  test('another method is told which one the path takes', async () => {
    const answer = await app.call('GET', PATH);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('bells', () => {
  const ringsOf = ({ id }: Scheduled): number =>
    app.temporal.calls.filter((call) => call === `evidence school/${id}`).length;

  const untilRung = async (one: Scheduled, times: number): Promise<void> => {
    await expect.poll(() => ringsOf(one), { timeout: 20_000 }).toBe(times);
  };

  const open = async (): Promise<Scheduled> => {
    const one = await schedule();
    await app.owner`update classes set status = 'open' where id = ${one.id}`;
    return one;
  };

  test('a class is rung when its room becomes occupied, and not by those who follow', async () => {
    const one = await open();
    const join = (n: number) =>
      send(
        delivery('participant_joined', {
          room: one.room,
          sid: `PA_${n}`,
          identity: `guest ${n}`,
          atMs: START_MS + n,
        }),
      );
    await join(0);
    await untilRung(one, 1);
    app.clock.nowMs += 61_000;
    for (let n = 1; n < 10; n++) await join(n);
    await untilTold();
    expect(ringsOf(one)).toBe(1);
  });

  test('a class is rung when somebody comes after a listing showed that all who were there had gone', async () => {
    const one = await open();
    const join = (sid: string, atMs: number) =>
      send(delivery('participant_joined', { room: one.room, sid, identity: `guest ${sid}`, atMs }));
    const list = (atMs: number, ...sids: string[]) =>
      app.owner`insert into sweeps (tenant_id, class_id, source, at, ok, scope, room_existed, rooms, connections)
        values ('school', ${one.id}, 'livekit', ${new Date(atMs)}, true, 'present', true, '[]',
          ${app.owner.json(sids.map((connection) => ({ connection })))})`;
    await join('PA_1', START_MS);
    await untilRung(one, 1);
    await list(START_MS + 10_000, 'PA_1');
    app.clock.nowMs += 61_000;
    await join('PA_2', START_MS + 20_000);
    await untilTold();
    expect(ringsOf(one)).toBe(1);
    // LiveKit was killed, and told of nobody's leaving.
    await list(START_MS + 30_000);
    app.clock.nowMs += 61_000;
    await send(
      delivery('participant_left', {
        room: one.room,
        sid: 'PA_9',
        atMs: START_MS + 31_000,
        joinedMs: START_MS,
      }),
    );
    await untilRung(one, 2);
    app.clock.nowMs += 61_000;
    await join('PA_3', START_MS + 50_000);
    await untilRung(one, 3);
  });

  test('a class is rung when its room becomes empty, and when it closes', async () => {
    const one = await open();
    const told = { room: one.room, sid: 'PA_1', identity: 'guest' };
    await send(delivery('participant_joined', { ...told, atMs: START_MS }));
    await untilRung(one, 1);
    app.clock.nowMs += 61_000;
    await send(delivery('participant_left', { ...told, atMs: START_MS + 5_000, joinedMs: START_MS }));
    await untilRung(one, 2);
    app.clock.nowMs += 61_000;
    await send(delivery('room_finished', { room: one.room, atMs: START_MS + 9_000 }));
    await untilRung(one, 3);
  });

  test('a machine in the room rings nobody', async () => {
    const one = await open();
    const told = { room: one.room, sid: 'PA_m', identity: 'recorder', atMs: START_MS };
    await send(delivery('participant_joined', { ...told, participant: { kind: 'EGRESS' } }));
    await untilTold();
    expect(ringsOf(one)).toBe(0);
  });

  test('late evidence rings a class that waits for it', async () => {
    const one = await schedule();
    await app.owner`update classes set status = 'reconciling', ended_at = ${at(START_MS + 60_000)} where id = ${one.id}`;
    await send(
      delivery('participant_left', {
        room: one.room,
        sid: 'PA_l',
        atMs: START_MS + 9_000,
        joinedMs: START_MS,
      }),
    );
    await untilRung(one, 1);
  });
});
