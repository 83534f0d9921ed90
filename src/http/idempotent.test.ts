import { afterAll, beforeAll, expect, test } from 'vitest';
import { lesson, startTestApp, type TestApp, token } from './test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.stop());

const schedule = (key: string, body: unknown = lesson(), bearer?: string) =>
  app.call('POST', '/api/schedule/class', {
    body,
    headers: { 'idempotency-key': key },
    ...(bearer === undefined ? {} : { token: bearer }),
  });

test('the same request under the same key gets the first answer again', async () => {
  const first = await schedule('one');
  const again = await schedule('one');
  expect([again.status, again.body]).toEqual([201, first.body]);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(first.headers.get('idempotent-replayed')).toBeNull();
  expect(await app.count('classes')).toBe(1);
});

test('another request under the same key is refused', async () => {
  const { status, body } = await schedule('one', lesson({ subject: 'Physics' }));
  expect([status, body.type]).toEqual([422, 'https://rollcall.dev/problems/idempotency-key-reused']);
  expect(await app.count('classes')).toBe(1);
});

test('twenty at once under one key are one request', async () => {
  const before = await app.count('classes');
  const answers = await Promise.all(Array.from({ length: 20 }, () => schedule('at-once')));
  expect(new Set(answers.map((one) => `${one.status} ${one.body.class_id}`)).size).toBe(1);
  expect(await app.count('classes')).toBe(before + 1);
});

test('a key belongs to its sender and tenant', async () => {
  const mine = await schedule('shared');
  const colleague = await schedule('shared', lesson(), await token({ sub: 'colleague@school.example' }));
  const stranger = await schedule('shared', lesson(), await token({ tenant: 'other' }));
  expect(new Set([mine, colleague, stranger].map((one) => one.body.class_id)).size).toBe(3);
});

test('a request that was refused leaves its key free', async () => {
  expect((await schedule('refused', lesson({ policy: 'none' }))).status).toBe(422);
  expect((await schedule('refused')).status).toBe(201);
});

test.each(['with space', 'ü', 'x'.repeat(256)])('a key like %j is refused', async (key) => {
  const { status, body } = await schedule(key);
  expect([status, body.errors[0].field]).toEqual([422, 'Idempotency-Key']);
});

test('works for every unsafe call', async () => {
  const { body } = await schedule('to-cancel');
  const cancel = () =>
    app.call('POST', `/api/classes/${body.class_id}/cancel`, {
      body: { reason: 'snow' },
      headers: { 'idempotency-key': 'cancel' },
    });
  const first = await cancel();
  expect([first.status, await cancel()]).toEqual([
    200,
    expect.objectContaining({ status: 200, body: first.body }),
  ]);
});

test('a key is forgotten after a day, and means a new request then', async () => {
  const first = await schedule('yesterday');
  await app.owner`update idempotency_keys set created_at = now() - interval '25 hours' where key like '% yesterday'`;
  const next = await schedule('yesterday');
  expect(next.status).toBe(201);
  expect(next.body.class_id).not.toBe(first.body.class_id);
});
