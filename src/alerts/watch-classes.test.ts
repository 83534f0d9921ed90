import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { at, type Json, MINUTE_MS, START_MS, startTestApp, type TestApp, token } from '../http/test-app.ts';
import { watchClass } from '../http/test-live.ts';
import { scheduleWhiteboard, tokenOf, type WhiteboardClass } from '../http/test-whiteboard.ts';
import { lookForAlarm } from './watch-classes.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.stop());

const minute = (m: number): void => {
  app.clock.nowMs = START_MS + m * MINUTE_MS;
};
const look = () => lookForAlarm({ db: app.db, now: () => app.clock.nowMs, log: pino({ level: 'silent' }) });
const alertsOf = async ({ id }: { id: string }): Promise<Json[]> =>
  (await app.call('GET', `/api/classes/${id}`)).body.alerts;
const open = async (given: Record<string, unknown> = {}): Promise<WhiteboardClass> => {
  minute(-30);
  const one = await scheduleWhiteboard(app, given);
  await app.owner`update classes set status = 'open' where id = ${one.id}`;
  return one;
};
const connect = async ({ id }: WhiteboardClass, sub: string) =>
  await app.call('POST', `/api/whiteboard/sessions/${id}/connect`, { token: await tokenOf(sub) });

test('a teacher who is not there is told on the class and to whoever watches, and no more when they come', async () => {
  const endpoint = { url: 'https://93.184.215.14/told', events: ['alert.raised', 'alert.resolved'] };
  expect((await app.call('POST', '/api/webhooks', { body: endpoint })).status).toBe(201);
  const one = await open();
  minute(0);
  expect(await look()).toBe(1);
  const watcher = await watchClass(app.url, one.id, { token: await token() });
  expect((await watcher.next())?.data.alerts).toEqual([]);
  minute(2.9);
  expect(await look()).toBe(0);
  minute(3);
  expect(await look()).toBe(1);
  const [alert] = await alertsOf(one);
  expect(alert).toMatchObject({
    kind: 'teacher_missing',
    message: expect.stringContaining('was not there 3 min after the start'),
    raised_at: at(START_MS + 3 * MINUTE_MS),
    resolved_at: null,
  });
  expect((await watcher.next())?.data.alerts).toEqual([alert]);
  expect(await watcher.next()).toMatchObject({ event: 'alert', data: { class_id: one.id, alert } });

  minute(3.5);
  await look();
  expect(await alertsOf(one)).toEqual([alert]);
  await connect(one, one.teacher);
  minute(4);
  await look();
  expect(await alertsOf(one)).toEqual([]);
  watcher.stop();
  const told =
    await app.owner`select event, payload -> 'data' -> 'alert' ->> 'kind' as kind from webhook_messages
    where class_id = ${one.id} order by created_at, event`;
  expect(told.map(({ event, kind }) => [event, kind])).toEqual([
    ['alert.raised', 'teacher_missing'],
    ['alert.resolved', 'teacher_missing'],
  ]);
  await app.owner`update classes set status = 'ended' where id = ${one.id}`;
});

test('the times are those of the tenant', async () => {
  await app.call('PATCH', '/api/tenant', {
    body: { teacher_missing_after_seconds: 30, student_missing_after_seconds: 60 },
  });
  const one = await open();
  minute(0.6);
  await look();
  expect((await alertsOf(one)).map(({ kind }) => kind)).toEqual(['teacher_missing']);
  minute(1);
  await look();
  expect((await alertsOf(one)).map(({ kind }) => kind).sort()).toEqual([
    'student_missing',
    'student_missing',
    'teacher_missing',
  ]);
  const body = { teacher_missing_after_seconds: null, student_missing_after_seconds: null };
  const { body: tenant } = await app.call('PATCH', '/api/tenant', { body });
  expect(tenant).toMatchObject({ teacher_missing_after_seconds: 180, student_missing_after_seconds: 600 });

  // With its end what was cause for alarm is none any more.
  await app.owner`update classes set status = 'ended' where id = ${one.id}`;
  expect(await alertsOf(one)).toEqual([]);
  expect(await look()).toBe(0);
});

test('somebody unmatched is looked at at once', async () => {
  const one = await open();
  minute(1);
  await look();
  // By the clock of the database, which is years away from the test's.
  await app.call('POST', '/api/sources', { body: { name: 'zoom', kind: 'in_call' } });
  const event = {
    source_event_id: 'z1',
    kind: 'joined',
    at: at(START_MS + MINUTE_MS),
    connection_id: 'z',
    identity: 'Sara',
  };
  await app.call('POST', `/api/classes/${one.id}/events`, { body: { source: 'zoom', events: [event] } });
  const [due] = await app.owner`select alerts_due_at <= now() as due from classes where id = ${one.id}`;
  expect(due?.due).toBe(true);
  await app.owner`update classes set alerts_due_at = ${at(app.clock.nowMs)} where id = ${one.id}`;
  await look();
  expect(await alertsOf(one)).toMatchObject([{ kind: 'unmatched_person', about: 'zoom:Sara' }]);
  await app.owner`update classes set status = 'ended' where id = ${one.id}`;
});

test('a class that nobody opened is silent, and its end resolves that', async () => {
  const endpoint = { url: 'https://93.184.215.14/end', events: ['alert.raised', 'alert.resolved'] };
  await app.call('POST', '/api/webhooks', { body: endpoint });
  minute(-30);
  const one = await scheduleWhiteboard(app, { provider: 'livekit', verify_seconds: 30 });
  minute(0.9);
  expect(await look()).toBe(0);
  minute(2);
  expect(await look()).toBe(1);
  expect(await alertsOf(one)).toMatchObject([{ kind: 'capture_silent' }]);
  await app.call('POST', `/api/classes/${one.id}/cancel`, { body: { reason: 'No worker.' } });
  expect(await alertsOf(one)).toEqual([]);
  const told =
    await app.owner`select event from webhook_messages where class_id = ${one.id} order by created_at`;
  expect(told.map(({ event }) => event)).toEqual(['alert.raised', 'alert.resolved']);
  minute(60);
  expect(await look()).toBe(0);
});

test('who was matched and is not any more is looked at at once', async () => {
  const one = await open();
  minute(1);
  await look();
  const [person] = await app.owner`select person_id from class_roster where class_id = ${one.id} limit 1`;
  const [made] = await app.owner`insert into identities (tenant_id, source, identity, kind)
    values ('school', 'zoom', ${`x${one.id}`}, 'anonymous') returning id`;
  await app.owner`insert into class_identities (tenant_id, class_id, identity_id, state, person_id)
    values ('school', ${one.id}, ${made?.id}, 'matched', ${person?.person_id})`;
  const due = async () =>
    (await app.owner`select alerts_due_at <= now() as due from classes where id = ${one.id}`)[0]?.due;
  await app.owner`update classes set alerts_due_at = '2999-01-01' where id = ${one.id}`;
  await app.owner`update class_identities set state = 'unmatched', person_id = null where class_id = ${one.id}`;
  expect(await due()).toBe(true);
  await app.owner`update classes set status = 'ended' where id = ${one.id}`;
});

test('of several servers one looks at a class', async () => {
  const one = await open();
  minute(3);
  expect(await Promise.all([look(), look(), look()])).toContain(1);
  expect(await alertsOf(one)).toHaveLength(1);
  const [row] = await app.owner`select count(*)::int as n from alerts where class_id = ${one.id}`;
  expect(row?.n).toBe(1);
});

test('a class is free while it is looked at, and what happens then makes it due again', async () => {
  const one = await open();
  minute(1);
  const dueMs = async (): Promise<number> => {
    const [row] = await app.owner`select alerts_due_at from classes where id = ${one.id}`;
    return Number(row?.alerts_due_at);
  };
  const other = postgres(app.shared.ownerUrl, { max: 1 });
  onTestFinished(() => other.end());
  let looking: Promise<number> | undefined;
  await other.begin(async (tx) => {
    // The look waits for this, in its middle.
    await tx`lock table class_identities in access exclusive mode`;
    looking = look();
    await vi.waitUntil(async () => (await dueMs()) > app.clock.nowMs, { timeout: 20_000 });
    await app.owner`update classes set alerts_due_at = ${at(START_MS)} where id = ${one.id}`;
  });
  expect(await looking).toBe(1);
  expect(await dueMs()).toBe(START_MS);
  await look();
  expect(await dueMs()).toBeGreaterThan(app.clock.nowMs);
  await app.owner`update classes set status = 'ended' where id = ${one.id}`;
});
