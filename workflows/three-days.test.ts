import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type DeliveryRow,
  deliveryRows,
  type EndpointRow,
  endpointRow,
  startReceiver,
  status,
  storeDelivery,
  storeEndpoint,
  type TestReceiver,
} from '../src/outgoing/test-receiver.ts';
import { type ClassWorkflows, createClassWorkflows } from '../src/temporal/class-workflows.ts';
import { storeClass } from '../src/temporal/test-class.ts';
import { startTestTime, type TestTime } from '../src/temporal/test-time.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

let time: TestTime;
let workflows: ClassWorkflows;
let receiver: TestReceiver;
let endpoint: EndpointRow;
let delivery: DeliveryRow;

beforeAll(async () => {
  time = await startTestTime();
  workflows = createClassWorkflows({ address: time.env.address, namespace: 'default' });
});
afterAll(async () => {
  await workflows?.close();
  await time?.stop();
});
beforeEach(async () => {
  time.calls.length = 0;
  receiver = await startReceiver();
  endpoint = await storeEndpoint(time.db, { url: receiver.url });
  const nowMs = await time.env.currentTimeMs();
  const ref = await storeClass(time.db, { startMs: nowMs });
  delivery = await storeDelivery(time.db, ref, endpoint, { createdAt: new Date(nowMs) });
});
afterEach(() => receiver.stop());

/** As the sweeper does: a Temporal that does not answer in time is asked again. */
async function start(): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await workflows.startDelivery('school', delivery.id);
      return;
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

/** Starts the delivery and answers how it ended, however many days later. */
async function live(): Promise<string> {
  await start();
  return await time.env.client.workflow.getHandle(`webhook/school/${delivery.id}`).result();
}
const stored = async (): Promise<DeliveryRow | undefined> =>
  (await deliveryRows(time.db)).find(({ id }) => id === delivery.id);
const attemptsAt = (): number[] =>
  time.calls.filter(({ name }) => name === 'deliverWebhook').map(({ atMs }) => atMs);
const waits = (): number[] =>
  attemptsAt().flatMap((atMs, n, all) => (n === 0 ? [] : [atMs - (all[n - 1] ?? 0)]));

test('a message that is taken at once needs one attempt', async () => {
  expect(await live()).toBe('delivered');
  expect(receiver.received).toHaveLength(1);
  expect(await stored()).toMatchObject({ status: 'delivered', attempts: 1 });
});

test('a message is handed over once, however often its delivery is started', async () => {
  receiver.answers = [status(503), status(200)];
  await start();
  expect(await workflows.startDelivery('school', delivery.id)).toBe('already_started');
  expect(await live()).toBe('delivered');
  expect(await live()).toBe('delivered');
  expect(receiver.received).toHaveLength(2);
});

test('a delivery whose workflow somebody ended goes on where it was, with the next start', async () => {
  receiver.answers = [status(503)];
  await start();
  const handle = time.env.client.workflow.getHandle(`webhook/school/${delivery.id}`);
  // Not while an attempt is under way: the test server would never again skip time.
  const attempt = async () => (await handle.describe()).raw.pendingActivities?.[0]?.attempt;
  await expect.poll(attempt).toBe(2);
  await handle.terminate('planted');
  receiver.answers = [status(200)];
  expect(await live()).toBe('delivered');
  expect((await stored())?.attempts).toBe(2);
});

test('a receiver that never takes anything is tried for three days, ever more slowly, and disabled then', async () => {
  receiver.answers = [status(500)];
  expect(await live()).toBe('failed');
  const gaps = waits();
  expect(gaps.length).toBeGreaterThan(20);
  expect(gaps[0]).toBeLessThan(8 * SECOND);
  expect(Math.max(...gaps)).toBeLessThan(4.1 * HOUR);
  gaps.forEach((gap, n) => {
    expect(gap).toBeGreaterThan((gaps[n - 1] ?? 0) * 0.9);
  });
  const [first = 0] = attemptsAt();
  const lasted = (attemptsAt().at(-1) ?? 0) - first;
  expect(lasted).toBeGreaterThan(3 * DAY - 4.1 * HOUR);
  expect(lasted).toBeLessThanOrEqual(3 * DAY);
  expect(await stored()).toMatchObject({ status: 'failed', attempts: gaps.length + 1, lastStatus: 500 });
  const { disabledAt, disabledReason } = await endpointRow(time.db, endpoint);
  expect(disabledAt).not.toBeNull();
  expect(disabledReason).toMatch(/^no message could be delivered since /);
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(
    new Set([delivery.messageId]),
  );
});

test('a receiver that comes back on the second day has the message', async () => {
  const until = (await time.env.currentTimeMs()) + DAY;
  receiver.answers = [
    (res) => {
      const back = (attemptsAt().at(-1) ?? 0) >= until;
      status(back ? 204 : 503)(res);
    },
  ];
  expect(await live()).toBe('delivered');
  expect(await endpointRow(time.db, endpoint)).toMatchObject({ disabledAt: null, failingSince: null });
});

test('a Retry-After is what Temporal waits', async () => {
  receiver.answers = [status(429, { 'retry-after': '3600' }), status(200)];
  expect(await live()).toBe('delivered');
  const [gap = 0] = waits();
  expect(gap).toBeGreaterThanOrEqual(HOUR - SECOND);
  expect(gap).toBeLessThan(HOUR + 10 * SECOND);
});

test('410 Gone ends it with the first attempt', async () => {
  receiver.answers = [status(410)];
  expect(await live()).toBe('failed');
  expect(receiver.received).toHaveLength(1);
  expect((await endpointRow(time.db, endpoint)).disabledReason).toMatch(/410 Gone/);
});
