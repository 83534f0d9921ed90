/** Real sockets on a real server and database; only the clock is turned. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
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
  type Client,
  connectSocket,
  Refused,
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

const come = (
  one: WhiteboardClass,
  sub: string,
  given: { query?: string; autoPong?: boolean; url?: string } = {},
) => connectSocket(given.url ?? app.url, one.id, { sub, ...given });
const second = (s: number): number => {
  app.clock.nowMs = START_MS + s * 1_000;
  return app.clock.nowMs;
};
const record = async ({ id }: WhiteboardClass, email: string): Promise<Json> =>
  (await app.call('GET', `/api/classes/${id}/attendance`)).body.records.find(
    (one: Json) => one.email === email,
  );
const refusal = async (work: Promise<Client>): Promise<Refused> => {
  try {
    (await work).socket.terminate();
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
  throw new Error('the socket was opened');
};
/** Everything that was sent before has arrived, and what was to be stored at once is stored. */
async function settled(client: Client): Promise<void> {
  client.say({ type: 'status' });
  await client.told('status');
}
/** Stored ends, once there are so many. */
async function ends(one: WhiteboardClass, n: number) {
  for (;;) {
    const closed = (await storedConnections(app, one.id)).filter((row) => row.closed_at !== null);
    if (closed.length >= n) return closed;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('a socket', () => {
  test('is a connection from the first moment on, and says so', async () => {
    const one = await scheduleWhiteboard(app);
    second(3);
    const client = await come(one, one.student);
    expect(await client.told('connected')).toEqual({
      type: 'connected',
      session_id: one.id,
      connection_id: 'default',
      connected_at: at(START_MS + 3_000),
      heartbeat_seconds: 15,
    });
    expect(await storedConnections(app, one.id)).toMatchObject([{ email: one.student, closed_at: null }]);
    client.say({ type: 'status' });
    expect((await client.told('status')).students).toContainEqual(
      expect.objectContaining({ email: one.student, connected: true, connections: 1 }),
    );
    client.socket.terminate();
  });

  test('carries heartbeats, and its end is the end of the connection', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const client = await come(one, one.student);
    for (let s = 0; s <= 60; s += 15) {
      second(s);
      client.say({ type: 'heartbeat' });
      await settled(client);
    }
    second(70);
    client.socket.close();
    expect(await ends(one, 1)).toMatchObject([
      { close_reason: 'disconnected', closed_at: new Date(START_MS + 70_000) },
    ]);
    expect(await record(one, one.student)).toMatchObject({
      present_seconds: 70,
      active_seconds: 70,
      flags: [],
    });
  });

  test('that says it leaves has left, and is closed', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const client = await come(one, one.student);
    second(20);
    client.say({ type: 'disconnect' });
    expect(await client.closed).toEqual({ code: 1000, reason: 'disconnected' });
    expect(await ends(one, 1)).toMatchObject([{ closed_at: new Date(START_MS + 20_000) }]);
  });

  test('that vanishes without a close frame is over at once when the network says so', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const client = await come(one, one.student);
    second(31);
    client.socket.terminate();
    expect(await ends(one, 1)).toMatchObject([
      { close_reason: 'disconnected', closed_at: new Date(START_MS + 31_000) },
    ]);
  });

  test('that is silent is asked every 15 s, and given up after 45: it ended at its last sign of life', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const silent = await come(one, one.student, { autoPong: false });
    const alive = await come(one, one.other);
    let asked = 0;
    silent.socket.on('ping', () => asked++);
    for (let s = 15; s <= 45; s += 15) {
      const answered = new Promise((resolve) => alive.socket.once('ping', resolve));
      second(s);
      app.sockets.look();
      await answered;
      await settled(alive);
    }
    expect(asked).toBeGreaterThanOrEqual(3);
    app.clock.nowMs += 1;
    app.sockets.look();
    expect(await silent.closed).toMatchObject({ code: 1006 });
    expect(await ends(one, 1)).toMatchObject([
      { email: one.student, close_reason: 'lost', closed_at: new Date(START_MS) },
    ]);
    expect(alive.socket.readyState).toBe(alive.socket.OPEN);
    alive.socket.terminate();
  });

  test('of a class that is over gives one more sign of life, and is told why it ends', async () => {
    const one = await scheduleWhiteboard(app);
    second(40 * 60 - 10);
    const client = await come(one, one.student);
    second(40 * 60 + 1);
    await app.owner`update classes set status = 'ended' where id = ${one.id}`;
    const asked = new Promise((resolve) => client.socket.once('ping', resolve));
    client.say({ type: 'heartbeat' });
    await settled(client);
    await app.presence.tick();
    await asked;
    second(40 * 60 + 3);
    client.say({ type: 'anything' });
    await settled(client);
    await app.presence.tick();
    await app.presence.tick();
    expect(await client.closed).toEqual({ code: 1000, reason: 'class_over' });
    expect(await record(one, one.student)).toMatchObject({ present_seconds: 10, flags: [] });
  });
});

test('a client that goes on sending is sent away all the same when its class is over', async () => {
  const one = await scheduleWhiteboard(app);
  second(40 * 60 - 10);
  const client = await come(one, one.student);
  await app.owner`update classes set status = 'ended' where id = ${one.id}`;
  let open = true;
  void client.closed.then(() => {
    open = false;
  });
  for (let s = 40 * 60; open && s < 41 * 60; s += 5) {
    second(s);
    client.socket.send('{"type":"heartbeat"}', () => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    await app.presence.tick();
  }
  expect(await client.closed).toEqual({ code: 1000, reason: 'class_over' });
  expect(await storedConnections(app, one.id)).toHaveLength(1);
});

test('what is said after goodbye opens nothing', async () => {
  const one = await scheduleWhiteboard(app);
  second(0);
  const client = await come(one, one.student);
  client.say({ type: 'disconnect' });
  client.say({ type: 'heartbeat' });
  expect(await client.closed).toEqual({ code: 1000, reason: 'disconnected' });
  await app.presence.tick();
  expect(await storedConnections(app, one.id)).toMatchObject([{ close_reason: 'disconnected' }]);
});

test('whoever was taken for lost while their server could not store goes on, with all of their time', async () => {
  const one = await scheduleWhiteboard(app);
  const other = await startTestApp({ beside: app });
  second(0);
  const client = await come(one, one.student);
  for (let s = 15; s <= 75; s += 15) {
    second(s);
    client.say({ type: 'anything' });
    client.socket.ping();
    await new Promise((resolve) => client.socket.once('pong', resolve));
    // From here on it stores nothing more.
    if (s === 15) await app.presence.tick();
  }
  await other.presence.tick();
  expect(await storedConnections(app, one.id)).toMatchObject([{ close_reason: 'lost' }]);
  await app.presence.tick();
  await app.presence.tick();
  expect(client.socket.readyState).toBe(client.socket.OPEN);
  second(90);
  client.socket.terminate();
  await ends(one, 2);
  expect(await record(one, one.student)).toMatchObject({ present_seconds: 90, interruptions: 0 });
  await other.stop();
});

test('whoever is refused holds no connection, and what is no WebSocket is answered as HTTP', async () => {
  const { hostname, port } = new URL(app.url);
  const answered = async (request: string): Promise<string> => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.write(request);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    socket.destroy();
    return text;
  };
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const path = `/ws/whiteboard/${crypto.randomUUID()}`;
  expect(await answered(`GET ${path} HTTP/1.1\r\nHost: x\r\n${upgrade}${key}\r\n`)).toContain(
    '401 Unauthorized',
  );
  expect(await answered(`GET ${path} HTTP/1.1\r\nHost: x\r\n${upgrade}\r\n`)).toContain('400 Bad Request');
  const h2c = 'Connection: Upgrade, close\r\nUpgrade: h2c\r\n';
  expect(await answered(`GET /healthz HTTP/1.1\r\nHost: x\r\n${h2c}\r\n`)).toContain('200 OK');
});

describe('several sockets', () => {
  test('of one person are one connection, until the last of them ends', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const [first, other] = [await come(one, one.student), await come(one, one.student)];
    second(10);
    first.socket.terminate();
    await first.closed;
    await settled(other);
    expect(await storedConnections(app, one.id)).toMatchObject([{ closed_at: null }]);
    second(30);
    other.socket.terminate();
    expect(await ends(one, 1)).toMatchObject([{ closed_at: new Date(START_MS + 30_000) }]);
    expect(await record(one, one.student)).toMatchObject({ present_seconds: 30 });
  });

  test('with names are connections of their own, and their time counts once', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const phone = await come(one, one.student, { query: '?connection_id=phone' });
    second(10);
    const web = await come(one, one.student, { query: '?connection_id=web' });
    second(20);
    phone.socket.terminate();
    await ends(one, 1);
    second(40);
    web.socket.terminate();
    expect(await ends(one, 2)).toMatchObject([{ name: 'phone' }, { name: 'web' }]);
    expect(await record(one, one.student)).toMatchObject({ present_seconds: 40, interruptions: 0 });
  });

  test.each([
    ['at once', 0],
    ['when the leave is stored', 1],
  ])('a page that is loaded again is one stay: %s', async (_when, stored) => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const before = await come(one, one.student);
    second(20);
    before.socket.close();
    await ends(one, stored);
    const after = await come(one, one.student);
    second(40);
    await settled(after);
    await app.presence.tick();
    expect(after.socket.readyState).toBe(after.socket.OPEN);
    after.socket.terminate();
    // At once is one connection, or two where the server was slow.
    await ends(one, (await storedConnections(app, one.id)).length);
    expect(await record(one, one.student)).toMatchObject({
      present_seconds: 40,
      bridged_seconds: 0,
      interruptions: 0,
    });
  });

  test('on two servers, one of which stops: the person was there all the time', async () => {
    const one = await scheduleWhiteboard(app);
    const other = await startTestApp({ beside: app });
    second(0);
    const here = await come(one, one.student, { query: '?connection_id=a' });
    const there = await come(one, one.student, { query: '?connection_id=b', url: other.url });
    second(10);
    await other.presence.stop();
    expect(await there.closed).toEqual({ code: 1012, reason: 'server_shutdown' });
    await other.stop();
    second(30);
    here.socket.terminate();
    await ends(one, 2);
    expect(await record(one, one.student)).toMatchObject({
      present_seconds: 30,
      interruptions: 0,
      flags: [],
    });
  });

  test('on two servers under one name: whoever took it over last closes it', async () => {
    const one = await scheduleWhiteboard(app);
    const other = await startTestApp({ beside: app });
    second(0);
    const old = await come(one, one.student);
    second(10);
    const young = await come(one, one.student, { url: other.url });
    old.socket.terminate();
    await old.closed;
    await app.presence.tick();
    expect(await storedConnections(app, one.id)).toMatchObject([{ closed_at: null }]);
    second(25);
    young.socket.terminate();
    expect(await ends(one, 1)).toMatchObject([{ closed_at: new Date(START_MS + 25_000) }]);
    await other.stop();
  });
});

test('a server that stops says goodbye, and who comes back within the bridging time has stayed', async () => {
  const one = await scheduleWhiteboard(app);
  second(0);
  const first = await startTestApp({ beside: app });
  const before = await come(one, one.student, { url: first.url });
  second(20);
  await first.presence.stop();
  expect(await before.closed).toEqual({ code: 1012, reason: 'server_shutdown' });
  expect(await ends(one, 1)).toMatchObject([
    { close_reason: 'server_shutdown', closed_at: new Date(START_MS + 20_000) },
  ]);
  await first.stop();
  second(79);
  const after = await come(one, one.student);
  second(100);
  after.socket.terminate();
  await ends(one, 2);
  expect(await record(one, one.student)).toMatchObject({
    present_seconds: 100,
    bridged_seconds: 59,
    interruptions: 0,
  });
});

test('calls and sockets of one caller are counted together', async () => {
  const small = await startTestApp({ beside: app, callsPerMinute: 3 });
  const one = await scheduleWhiteboard(app);
  second(0);
  for (let n = 0; n < 2; n++) {
    const path = `/api/whiteboard/sessions/${one.id}/heartbeat`;
    await small.call('POST', path, { token: await tokenOf(one.student) });
  }
  const third = await come(one, one.student, { url: small.url });
  const { status, problem } = await refusal(come(one, one.student, { url: small.url }));
  expect([status, problem.detail]).toEqual([429, 'this caller may send 3 requests a minute']);
  const called = await small.call('GET', `/api/whiteboard/sessions/${one.id}/connection-status`, {
    token: await tokenOf(one.student),
  });
  expect(called.status).toBe(429);
  expect(Number(called.headers.get('retry-after'))).toBeGreaterThan(0);
  const other = await come(one, one.other, { url: small.url });
  for (const { socket } of [third, other]) socket.terminate();
  await small.stop();
});

test('whoever goes in the middle of the handshake leaves no open connection', async () => {
  const one = await scheduleWhiteboard(app);
  second(0);
  const { hostname, port } = new URL(app.url);
  const bearer = await tokenOf(one.student);
  const goAfter = async (n: number, waitMs: number): Promise<void> => {
    const socket = connect(Number(port), hostname);
    const lines = [
      `GET /ws/whiteboard/${one.id}?connection_id=tab-${n} HTTP/1.1`,
      'Host: x',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Authorization: Bearer ${bearer}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    await sleep(waitMs);
    socket.destroy();
  };
  // Sooner and later, until some are in the middle: the server has heard of them.
  for (let apartMs = 2; (await storedConnections(app, one.id)).length === 0; apartMs *= 2) {
    await Promise.all(Array.from({ length: 10 }, (_, n) => goAfter(n, n * apartMs)));
  }
  await expect
    .poll(async () => (await storedConnections(app, one.id)).filter((row) => row.closed_at === null), {
      timeout: 10_000,
    })
    .toEqual([]);
});

test('HTTP and a socket are the same connection', async () => {
  const one = await scheduleWhiteboard(app);
  second(0);
  const client = await come(one, one.student);
  second(20);
  const sent = { token: await tokenOf(one.student) };
  await app.call('POST', `/api/whiteboard/sessions/${one.id}/heartbeat`, sent);
  await app.presence.tick();
  expect(await storedConnections(app, one.id)).toMatchObject([
    { last_heartbeat_at: new Date(START_MS + 20_000), closed_at: null },
  ]);
  await app.call('POST', `/api/whiteboard/sessions/${one.id}/disconnect`, sent);
  expect(await client.closed).toEqual({ code: 1000, reason: 'disconnected' });
});

describe('what a client sends', () => {
  test('the time by its own clock is nothing', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const client = await come(one, one.student);
    client.say({
      type: 'heartbeat',
      at: at(START_MS + 60 * MINUTE_MS),
      timestamp: START_MS - 60 * MINUTE_MS,
    });
    await settled(client);
    await app.presence.tick();
    expect(await storedConnections(app, one.id)).toMatchObject([
      { last_heartbeat_at: new Date(START_MS), last_seen_at: new Date(START_MS) },
    ]);
    client.socket.terminate();
  });

  test.each([
    ['of 5 KiB', (client: Client) => client.say({ type: 'note', text: 'x'.repeat(5 * 1_024) }), 1009],
    ['in binary', (client: Client) => client.socket.send(Buffer.from([1, 2, 3])), 1003],
    [
      'a thousand times in a second',
      (client: Client) => {
        for (let n = 0; n < 1_000; n++) client.say({ type: 'heartbeat' });
      },
      1008,
    ],
  ])('a message %s closes its socket and no other', async (_what, send, code) => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const [bad, good] = [await come(one, one.student), await come(one, one.other)];
    send(bad);
    expect(await bad.closed).toMatchObject({ code });
    await settled(good);
    expect(await ends(one, 1)).toMatchObject([{ email: one.student, close_reason: 'disconnected' }]);
    good.socket.terminate();
  });

  test.each(['', 'heartbeat', '[]', '{"type":7}', '{"kind":"heartbeat"}', 'null', '{'])(
    '%j is told what is understood, and is a sign of life',
    async (message) => {
      const one = await scheduleWhiteboard(app);
      second(0);
      const client = await come(one, one.student);
      second(40);
      client.say(message);
      expect((await client.told('error')).message).toMatch(/heartbeat/);
      second(80);
      client.say({ type: 'heartbeat' });
      await settled(client);
      await app.presence.tick();
      expect(await storedConnections(app, one.id)).toMatchObject([{ closed_at: null }]);
      client.socket.terminate();
    },
  );
});

describe('who is let in', () => {
  test('a token in the subprotocol or in the query is as good as in the header', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const given = await tokenOf(one.student);
    const inQuery = await connectSocket(app.url, one.id, { bearer: '', query: `?token=${given}` });
    await inQuery.told('connected');
    const browser = new WebSocket(`${app.url.replace('http', 'ws')}/ws/whiteboard/${one.id}`, [
      'rollcall',
      `rollcall.token.${given}`,
    ]);
    const first = await new Promise((resolve, reject) => {
      browser.onmessage = ({ data }) => resolve(JSON.parse(String(data)).type);
      browser.onerror = () => reject(new Error('not opened'));
    });
    expect([first, browser.protocol]).toEqual(['connected', 'rollcall']);
    browser.close();
    inQuery.socket.terminate();
  });

  test('nobody without a token that holds', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const wrong = await token(
      { sub: one.student, role: 'student' },
      { secret: 'another-secret-of-more-than-thirty-two' },
    );
    const expired = await token({ sub: one.student, role: 'student' }, { expires: '-1m' });
    for (const bearer of ['', 'nonsense', wrong, expired]) {
      expect((await refusal(connectSocket(app.url, one.id, { bearer }))).status).toBe(401);
    }
    expect(await storedConnections(app, one.id)).toEqual([]);
  });

  test('nobody of another tenant, nobody who is not on the roster, nobody by role', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    await app.call('GET', '/api/tenant', { token: await token({ tenant: 'other' }) });
    const as = async (claims: Record<string, unknown>) =>
      (await refusal(connectSocket(app.url, one.id, { bearer: await token(claims) }))).status;
    expect(await as({ sub: one.student, role: 'student', tenant: 'other' })).toBe(404);
    expect(await as({ sub: 'stranger@school.example', role: 'student' })).toBe(404);
    expect(await as({ role: 'admin' })).toBe(404);
    expect(await as({ sub: one.student, role: 'guardian' })).toBe(403);
    expect((await refusal(connectSocket(app.url, 'no-uuid', { sub: one.student }))).status).toBe(404);
  });

  test('nobody before the class is open or when it is over, and the answer says why', async () => {
    const one = await scheduleWhiteboard(app);
    second(-61);
    expect(await refusal(come(one, one.student))).toMatchObject({
      status: 409,
      problem: { detail: `the class is not open yet; it opens at ${at(START_MS - 60_000)}` },
    });
    second(40 * 60);
    expect(await refusal(come(one, one.student))).toMatchObject({
      status: 409,
      problem: { detail: 'the class is over' },
    });
  });

  test('an address that is wrong is told what is accepted', async () => {
    const one = await scheduleWhiteboard(app);
    second(0);
    const { status, problem } = await refusal(
      come(one, one.student, { query: '?connection_id=with%20space' }),
    );
    expect([status, problem.errors[0].field]).toEqual([422, 'connection_id']);
    const elsewhere = connectSocket(`${app.url}/elsewhere`, one.id, { sub: one.student });
    expect((await refusal(elsewhere)).status).toBe(404);
  });
});
