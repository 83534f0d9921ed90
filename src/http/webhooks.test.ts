import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deliverWebhook } from '../../activities/deliver-webhook.ts';
import { calculateClass } from '../db/calculations.ts';
import { type ClassRef, inTenant } from '../db/client.ts';
import { announce } from '../db/outgoing.ts';
import { createWebhookSender } from '../outgoing/send-webhook.ts';
import { deliveryRows, startReceiver, type TestReceiver } from '../outgoing/test-receiver.ts';
import { storeClass } from '../temporal/test-class.ts';
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

let app: TestApp;
let inside: TestApp;
let receiver: TestReceiver;
let ref: ClassRef;
beforeAll(async () => {
  app = await startTestApp();
  inside = await startTestApp({ beside: app, webhooksToPrivateNetworks: true });
  receiver = await startReceiver();
  ref = await storeClass(app.db, { startMs: START_MS });
});
afterAll(async () => {
  await receiver.stop();
  await inside.stop();
  await app.stop();
});
beforeEach(async () => {
  await app.owner`update webhook_endpoints set disabled_at = now(), disabled_reason = 'of another test'`;
});

const URL = 'https://93.184.216.34/hook';
async function create(body: Json = {}, other = app): Promise<Json> {
  const answer = await other.call('POST', '/api/webhooks', {
    body: { url: URL, events: ['class.opened'], ...body },
  });
  expect(answer.status).toBe(201);
  return answer.body;
}
const shown = async (id: string): Promise<Json> =>
  (await app.call('GET', '/api/webhooks?limit=200')).body.items.find((item: Json) => item.id === id);
const opened = () => inTenant(app.db, 'school', (tx) => announce(tx, ref, 'class.opened', {}));
const deliveriesOf = async (id: string, query = ''): Promise<Json> =>
  (await app.call('GET', `/api/webhooks/${id}/deliveries${query}`)).body;

describe('an endpoint', () => {
  test('is answered with its secret once, and shown without it from then on', async () => {
    const made = await create({ events: ['class.opened', 'class.opened', 'alert.raised'] });
    expect(made).toMatchObject({ url: URL, events: ['class.opened', 'alert.raised'], disabled_at: null });
    expect(Buffer.from(made.secret.replace(/^whsec_/, ''), 'base64')).toHaveLength(32);
    const { secret: _, ...rest } = made;
    expect(await shown(made.id)).toEqual(rest);
    const changed = await app.call('PATCH', `/api/webhooks/${made.id}`, {
      body: { events: ['class.ended'] },
    });
    expect(changed.body).toEqual({ ...rest, events: ['class.ended'] });
    expect(app.logged.join('')).not.toContain(made.secret);
  });

  test.each([
    ['an address of this machine', { url: 'https://127.0.0.1/' }, 'url', 'must lead to a public address'],
    ['a name of this machine', { url: 'https://localhost/' }, 'url', 'must lead to a public address'],
    [
      'an address in the clear',
      { url: 'http://93.184.216.34/' },
      'url',
      'must be an absolute URL with https',
    ],
    ['no URL', { url: 'hook' }, 'url', 'must be an absolute URL with https'],
    ['an event that there is not', { url: URL, events: ['class.burnt'] }, 'events[0]', /class\.opened/],
    ['no event', { url: URL, events: [] }, 'events', /at least one of class\.opened/],
  ])('is refused with %s, on creation and on change', async (_what, given, field, message) => {
    const { id } = await create();
    for (const [method, path, body] of [
      ['POST', '/api/webhooks', { events: ['class.opened'], ...given }],
      ['PATCH', `/api/webhooks/${id}`, given],
    ] as const) {
      const answer = await app.call(method, path, { body });
      expect(answer.status).toBe(422);
      expect(answer.body.errors).toEqual([
        { field, message: typeof message === 'string' ? message : expect.stringMatching(message) },
      ]);
    }
  });

  test('may lead to private networks where the installation says so', async () => {
    expect(await create({ url: receiver.url }, inside)).toMatchObject({ url: receiver.url });
  });

  test('that is disabled keeps its first notice, and enabling clears it', async () => {
    const { id } = await create();
    const change = (body: Json) => app.call('PATCH', `/api/webhooks/${id}`, { body });
    const first = (await change({ enabled: false })).body;
    expect(first).toMatchObject({ disabled_at: expect.any(String), disabled_reason: 'disabled by hand' });
    await app.owner`update webhook_endpoints set disabled_reason = 'gone', failing_since = now() where id = ${id}`;
    app.clock.nowMs += 60_000;
    expect((await change({ enabled: false })).body).toMatchObject({
      disabled_at: first.disabled_at,
      disabled_reason: 'gone',
    });
    expect((await change({ url: `${URL}/other` })).body.disabled_reason).toBe('gone');
    expect((await change({ enabled: true })).body).toMatchObject({
      disabled_at: null,
      disabled_reason: null,
      failing_since: null,
      url: `${URL}/other`,
    });
  });

  test('is listed in pages', async () => {
    await create();
    await create();
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor && `&cursor=${cursor}`;
      const { body } = await app.call('GET', `/api/webhooks?limit=1${query}`);
      seen.push(...body.items.map(({ id }: Json) => id));
      cursor = body.next_cursor;
    }
    expect(seen).toHaveLength(await app.count('webhook_endpoints'));
    expect(new Set(seen).size).toBe(seen.length);
  });
});

test('a message is delivered from the change to the receiver, and its delivery is shown', async () => {
  const { id, secret } = await create({ url: receiver.url }, inside);
  await opened();
  const { items } = await deliveriesOf(id);
  expect(items).toMatchObject([
    { event: 'class.opened', class_id: ref.classId, status: 'pending', attempts: 0, ended_at: null },
  ]);
  const deps = {
    db: app.db,
    now: Date.now,
    sendWebhook: createWebhookSender({ toPrivateNetworks: true }),
  };
  expect(await deliverWebhook(deps, 'school', items[0].id)).toBe('delivered');
  expect(receiver.received.at(-1)?.headers['webhook-id']).toBe(items[0].message_id);
  expect(secret).toMatch(/^whsec_/);
  expect((await deliveriesOf(id, '?status=delivered')).items).toMatchObject([
    { status: 'delivered', attempts: 1, last_status: 200, last_error: null, ended_at: expect.any(String) },
  ]);
  expect((await deliveriesOf(id, '?status=failed')).items).toEqual([]);
});

describe('a mark is told once', () => {
  const mark = (classId: string, status: string | null) =>
    app.call('PUT', `/api/tutor/sessions/${classId}/attendance`, {
      body: { tutor_attendance_status: status },
    });
  const told = async (id: string): Promise<string[]> => {
    const { items } = await deliveriesOf(id);
    return items.map(({ event }: Json) => event);
  };

  test('before the first calculation and after it, and one that changes nothing is not', async () => {
    const { id } = await create({ events: ['attendance.changed'] });
    const body = lesson({ start_time: at(HOUR_BEFORE_MS - 60 * MINUTE_MS), provider: 'whiteboard' });
    const { class_id: classId } = (await app.call('POST', '/api/schedule/class', { body })).body;
    expect((await mark(classId, 'present')).status).toBe(200);
    expect(await told(id)).toHaveLength(1);
    await mark(classId, 'present');
    expect(await told(id)).toHaveLength(1);
    const calculated = { tenantId: 'school', classId };
    await inTenant(app.db, 'school', (tx) => calculateClass(tx, calculated));
    expect(await told(id)).toHaveLength(2);
    await mark(classId, 'absent');
    expect(await told(id)).toHaveLength(3);
    await mark(classId, null);
    expect(await told(id)).toHaveLength(4);
  });

  test('also where the same request finds evidence that no calculation has seen', async () => {
    const { id } = await create({ events: ['attendance.changed'] });
    const body = lesson({ start_time: at(HOUR_BEFORE_MS - 120 * MINUTE_MS), provider: 'whiteboard' });
    const { class_id: classId } = (await app.call('POST', '/api/schedule/class', { body })).body;
    await inTenant(app.db, 'school', (tx) => calculateClass(tx, { tenantId: 'school', classId }));
    await app.owner`insert into events (tenant_id, class_id, source, source_event_id, kind, at, content_hash, raw)
      values ('school', ${classId}, 'whiteboard', 'late', 'joined', ${at(HOUR_BEFORE_MS - 110 * MINUTE_MS)}, 'x', '{}')`;
    const before = (await told(id)).length;
    await mark(classId, 'present');
    expect(await told(id)).toHaveLength(before + 1);
  });
});

test('a secret is exchanged for another, and for a day both sign', async () => {
  const made = await create();
  const { status, body } = await app.call('POST', `/api/webhooks/${made.id}/rotate`);
  expect([status, body.id]).toEqual([200, made.id]);
  expect(body.secret).toMatch(/^whsec_/);
  expect(body.secret).not.toBe(made.secret);
  const [row] =
    await app.owner`select secret, previous_secret, previous_until from webhook_endpoints where id = ${made.id}`;
  expect(row).toEqual({
    secret: body.secret,
    previous_secret: made.secret,
    previous_until: new Date(app.clock.nowMs + 24 * 60 * MINUTE_MS),
  });
  const missing = await app.call('POST', '/api/webhooks/00000000-0000-4000-8000-000000000000/rotate');
  expect(missing.status).toBe(404);
});

test('a school has twenty endpoints that are enabled, and no more', async () => {
  const admin = await token({ tenant: 'many' });
  const body = { url: 'https://93.184.215.14/told', events: ['class.opened'] };
  const add = async () => await app.call('POST', '/api/webhooks', { body, token: admin });
  await add();
  const answers = await Promise.all(Array.from({ length: 24 }, add));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(19);
  const refused = answers.find(({ status }) => status === 409);
  expect(refused?.body.detail).toBe('there are 20 endpoints, which is the most; disable one first');
  const one = `/api/webhooks/${answers.find(({ status }) => status === 201)?.body.id}`;
  const enable = async (enabled: boolean) =>
    (await app.call('PATCH', one, { body: { enabled }, token: admin })).status;
  // One that is enabled already is none more.
  expect(await enable(true)).toBe(200);
  expect(await enable(false)).toBe(200);
  expect((await add()).status).toBe(201);
  expect(await enable(true)).toBe(409);
});

describe('a replay', () => {
  const replay = (id: string, body: Json) => app.call('POST', `/api/webhooks/${id}/replay`, { body });

  test('of one delivery is another delivery of the same message', async () => {
    const { id } = await create();
    await opened();
    const [first] = (await deliveriesOf(id)).items;
    expect((await replay(id, { delivery_id: first.id })).body).toEqual({ count: 1, next_cursor: null });
    const { items } = await deliveriesOf(id);
    expect(items).toHaveLength(2);
    expect(new Set(items.map((item: Json) => item.id)).size).toBe(2);
    expect(new Set(items.map((item: Json) => item.message_id))).toEqual(new Set([first.message_id]));
    expect(items.map((item: Json) => item.status)).toEqual(['pending', 'pending']);
  });

  test('since an instant takes what the endpoint subscribes to, from then on', async () => {
    const other = await create({ events: ['class.opened', 'class.ended'] });
    await opened();
    await inTenant(app.db, 'school', (tx) => announce(tx, ref, 'class.ended', {}));
    const { id } = await create({ events: ['class.ended'] });
    const { items } = await deliveriesOf(other.id);
    const told = (event: string): Json => items.find((item: Json) => item.event === event);
    const ended = told('class.ended');
    expect((await replay(id, { since: told('class.opened').created_at })).body).toEqual({
      count: 1,
      next_cursor: null,
    });
    expect((await deliveriesOf(id)).items).toMatchObject([{ message_id: ended.message_id }]);
    const later = new Date(Date.now() + 60_000).toISOString();
    expect((await replay(id, { since: later })).body.count).toBe(0);
  });

  test('takes at most a thousand at once, and says where to go on', async () => {
    await app.owner`insert into webhook_messages (tenant_id, class_id, event, payload, created_at)
      select 'school', ${ref.classId}, 'class.settled', '{}', '2030-01-01'::timestamptz
      from generate_series(1, 1001) n`;
    const { id } = await create({ events: ['class.settled'] });
    const first = (await replay(id, { since: '2030-01-01T00:00:00Z' })).body;
    expect(first).toEqual({ count: 1_000, next_cursor: expect.any(String) });
    const rest = await replay(id, { since: '2030-01-01T00:00:00Z', cursor: first.next_cursor });
    expect(rest.body).toEqual({ count: 1, next_cursor: null });
    const [sent] =
      await app.owner`select count(distinct message_id)::int as messages, count(*)::int as deliveries
      from webhook_deliveries where endpoint_id = ${id}`;
    expect(sent).toEqual({ messages: 1_001, deliveries: 1_001 });
  });

  test.each([
    ['nothing', {}],
    ['both', { delivery_id: '00000000-0000-4000-8000-000000000000', since: '2026-01-01T00:00:00Z' }],
    ['a delivery that there is not', { delivery_id: '00000000-0000-4000-8000-000000000000' }],
  ])('of %s is refused', async (_what, body) => {
    const { id } = await create();
    const answer = await replay(id, body);
    expect(answer.status).toBe(422);
    expect(answer.body.errors[0].field).toBe('delivery_id');
  });

  test("of another endpoint's delivery is refused", async () => {
    const [{ id }, { id: other }] = [await create(), await create()];
    await opened();
    const [theirs] = (await deliveriesOf(other)).items;
    const answer = await replay(id, { delivery_id: theirs.id });
    expect(answer.status).toBe(422);
    expect(answer.body.errors[0].field).toBe('delivery_id');
  });

  test('to a disabled endpoint is refused', async () => {
    const { id } = await create();
    await app.call('PATCH', `/api/webhooks/${id}`, { body: { enabled: false } });
    expect((await replay(id, { since: '2026-01-01T00:00:00Z' })).status).toBe(409);
  });
});

describe('who may', () => {
  const calls = (id: string): [string, string, Json?][] => [
    ['POST', '/api/webhooks', { url: URL, events: ['class.opened'] }],
    ['GET', '/api/webhooks'],
    ['PATCH', `/api/webhooks/${id}`, { enabled: true }],
    ['GET', `/api/webhooks/${id}/deliveries`],
    ['POST', `/api/webhooks/${id}/replay`, { since: '2026-01-01T00:00:00Z' }],
  ];

  test.each(['operator', 'teacher', 'student', 'guardian'])('%s may do nothing here', async (role) => {
    const { id } = await create();
    const bearer = await token({ role });
    for (const [method, path, body] of calls(id)) {
      expect((await app.call(method, path, { token: bearer, body })).status).toBe(403);
    }
  });

  test('service may do what an admin may', async () => {
    const { id } = await create();
    const bearer = await token({ role: 'service', sub: 'lms' });
    for (const [method, path, body] of calls(id)) {
      expect((await app.call(method, path, { token: bearer, body })).status).toBeLessThan(300);
    }
  });

  test('an endpoint of another school is none', async () => {
    const { id } = await create();
    const bearer = await token({ tenant: 'academy' });
    for (const [method, path, body] of calls(id).slice(2)) {
      const answer = await app.call(method, path, { token: bearer, body });
      expect(answer.status).toBe(404);
      expect(answer.body.detail).toBe('there is no such webhook endpoint');
    }
    expect((await app.call('GET', '/api/webhooks', { token: bearer })).body.items).toEqual([]);
  });

  test('an id that cannot be one names no endpoint', async () => {
    const answer = await app.call('GET', '/api/webhooks/first/deliveries');
    expect(answer.body.detail).toBe('there is no such webhook endpoint');
  });

  test('a school is told of its own classes only', async () => {
    const academy = await token({ tenant: 'academy' });
    const theirs = await app.call('POST', '/api/webhooks', {
      token: academy,
      body: { url: URL, events: ['class.opened'] },
    });
    expect(theirs.status).toBe(201);
    await create();
    await opened();
    expect(await deliveryRows(app.db, 'academy')).toEqual([]);
  });
});
