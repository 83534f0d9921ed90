import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { ApplicationFailure } from '@temporalio/activity';
import { eq } from 'drizzle-orm';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { webhookEndpoints } from '../src/db/schema.ts';
import { createWebhookSender } from '../src/outgoing/send-webhook.ts';
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
import { storeClass } from '../src/temporal/test-class.ts';
import { deliverWebhook } from './deliver-webhook.ts';
import { giveUpDelivery } from './give-up-delivery.ts';
import { startTestActivities, type TestActivities } from './test-activities.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.now();

let activities: TestActivities;
let receiver: TestReceiver;
let ref: ClassRef;
let endpoint: EndpointRow;
let delivery: DeliveryRow;

beforeAll(async () => {
  activities = await startTestActivities(NOW_MS);
  ref = await storeClass(activities.db, { startMs: NOW_MS });
});
afterAll(() => activities.drop());
beforeEach(async () => {
  activities.clock.nowMs = NOW_MS;
  receiver = await startReceiver();
  endpoint = await storeEndpoint(activities.db, { url: receiver.url });
  delivery = await storeDelivery(activities.db, ref, endpoint);
});
afterEach(() => receiver.stop());

const deliver = () => activities.run(deliverWebhook, ['school', delivery.id]);
const giveUp = () => activities.run(giveUpDelivery, ['school', delivery.id]);
/** The failure with which an attempt ended. */
async function failed(): Promise<ApplicationFailure> {
  const error = await deliver().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApplicationFailure)) throw new Error(`expected a failure, got ${String(error)}`);
  return error;
}
const stored = async (): Promise<DeliveryRow | undefined> =>
  (await deliveryRows(activities.db)).find(({ id }) => id === delivery.id);

test('a message is signed so that the Standard Webhooks library accepts it with its secret, and with no other', async () => {
  expect(await deliver()).toBe('delivered');
  const [got] = receiver.received;
  if (!got) throw new Error('nothing was received');
  const headers = got.headers as Record<string, string>;
  const payload = new Webhook(endpoint.secret).verify(got.body, headers);
  expect(payload).toMatchObject({ type: 'class.opened', data: { class_id: ref.classId } });
  const other = new Webhook(`whsec_${Buffer.alloc(32).toString('base64')}`);
  expect(() => other.verify(got.body, headers)).toThrow('No matching signature');
  expect(got.headers).toMatchObject({
    'webhook-id': delivery.messageId,
    'content-type': 'application/json',
    'user-agent': 'Rollcall-Webhooks',
  });
  expect(await stored()).toMatchObject({
    status: 'delivered',
    attempts: 1,
    lastStatus: 200,
    lastError: null,
  });
});

test('a receiver that answered 500 is given the message once more, with the same webhook-id and the same content', async () => {
  receiver.answers = [status(500), status(200)];
  expect(await failed()).toMatchObject({ type: 'answered_500', nonRetryable: false });
  expect(await stored()).toMatchObject({
    status: 'pending',
    attempts: 1,
    lastStatus: 500,
    lastError: 'the receiver answered 500',
  });
  expect((await endpointRow(activities.db, endpoint)).failingSince).toEqual(new Date(NOW_MS));
  activities.clock.nowMs += 60_000;
  expect(await deliver()).toBe('delivered');
  const [first, second] = receiver.received;
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  expect(second?.body).toBe(first?.body);
  expect(second?.headers['webhook-timestamp']).not.toBe(first?.headers['webhook-timestamp']);
  expect(await stored()).toMatchObject({
    status: 'delivered',
    attempts: 2,
    lastStatus: 200,
    lastError: null,
  });
  expect((await endpointRow(activities.db, endpoint)).failingSince).toBeNull();
});

test('failing_since stays at the first of several failures', async () => {
  receiver.answers = [status(500)];
  await failed();
  activities.clock.nowMs += HOUR_MS;
  await failed();
  expect((await endpointRow(activities.db, endpoint)).failingSince).toEqual(new Date(NOW_MS));
});

test('a message that was delivered is not sent again, however often its activity runs', async () => {
  await deliver();
  expect(await deliver()).toBe('delivered');
  expect(receiver.received).toHaveLength(1);
});

test.each<[string, Record<string, string>, number]>([
  ['in seconds', { 'retry-after': '120' }, 120_000],
  [
    'as a date',
    { 'retry-after': new Date(Math.floor(NOW_MS / 1_000) * 1_000 + HOUR_MS).toUTCString() },
    HOUR_MS,
  ],
  ['of no time, not at all', { 'retry-after': '0' }, 5_000],
  ['of a week, for as long as between two attempts', { 'retry-after': '604800' }, 4 * HOUR_MS],
  ['in no known form, not at all', { 'retry-after': 'soon' }, 5_000],
])('a Retry-After is waited for: %s', async (_form, headers, waitMs) => {
  receiver.answers = [status(503, headers)];
  const { nextRetryDelay } = await failed();
  expect(Math.abs(Number(nextRetryDelay) - waitMs)).toBeLessThan(1_000);
});

test('a receiver that always asks for no patience is asked ever more rarely', async () => {
  receiver.answers = [status(503, { 'retry-after': '1' })];
  const waits: unknown[] = [];
  for (let n = 0; n < 4; n++) waits.push((await failed()).nextRetryDelay);
  expect(waits).toEqual([5_000, 10_000, 20_000, 40_000]);
});

test('three days after the message the next attempt is not made', async () => {
  receiver.answers = [status(500)];
  activities.clock.nowMs = NOW_MS + 72 * HOUR_MS;
  expect(await failed()).toMatchObject({ nonRetryable: true });
});

test('an answer that would be another protocol is an answer like any other', async () => {
  const server = createTcpServer((socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 101 Sure\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const odd = await storeEndpoint(activities.db, { url: `http://127.0.0.1:${port}/` });
  delivery = await storeDelivery(activities.db, ref, odd);
  expect((await failed()).message).toBe('the receiver answered 101');
  server.close();
});

test('ten messages of a school are on their way at a time; what waits has made no attempt', async () => {
  const held: ServerResponse[] = [];
  receiver.answers = [(res) => void held.push(res)];
  const others = await Promise.all(
    Array.from({ length: 10 }, () => storeDelivery(activities.db, ref, endpoint)),
  );
  const sent = others.map(({ id }) => activities.run(deliverWebhook, ['school', id]));
  await expect.poll(() => held.length).toBe(10);
  expect(await failed()).toMatchObject({ type: 'busy' });
  expect(await stored()).toMatchObject({ attempts: 0, lastError: null });
  for (const res of held) res.writeHead(200).end();
  expect(new Set(await Promise.all(sent))).toEqual(new Set(['delivered']));
  receiver.answers = [status(200)];
  expect(await deliver()).toBe('delivered');
});

test('while a secret is exchanged the old one and the new one both verify, then only the new one', async () => {
  const previousSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const previousUntil = new Date(NOW_MS + HOUR_MS);
  endpoint = await storeEndpoint(activities.db, { url: receiver.url, previousSecret, previousUntil });
  const verifies = (n: number, secret: string): boolean => {
    const { body, headers } = receiver.received[n] ?? { body: '', headers: {} };
    try {
      new Webhook(secret).verify(body, headers as Record<string, string>);
      return true;
    } catch {
      return false;
    }
  };
  for (const nowMs of [NOW_MS, NOW_MS + HOUR_MS]) {
    activities.clock.nowMs = nowMs;
    delivery = await storeDelivery(activities.db, ref, endpoint);
    await deliver();
  }
  expect(receiver.received).toHaveLength(2);
  expect([verifies(0, endpoint.secret), verifies(0, previousSecret)]).toEqual([true, true]);
  expect(receiver.received[1]?.headers['webhook-signature']).not.toContain(' ');
});

test('410 Gone is not tried again, and disables the endpoint with a notice', async () => {
  receiver.answers = [status(410)];
  expect(await failed()).toMatchObject({ nonRetryable: true });
  await giveUp();
  expect(await stored()).toMatchObject({ status: 'failed', lastStatus: 410 });
  const { disabledAt, disabledReason } = await endpointRow(activities.db, endpoint);
  expect(disabledAt).toEqual(new Date(NOW_MS));
  expect(disabledReason).toMatch(/410 Gone/);
});

describe('an attempt fails with words for the admin', () => {
  test('where nobody answers in time', async () => {
    receiver.answers = [() => {}];
    expect((await failed()).message).toBe('no answer within 1 s');
    expect(await stored()).toMatchObject({
      attempts: 1,
      lastStatus: null,
      lastError: 'no answer within 1 s',
    });
  });

  test('where nobody listens', async () => {
    await receiver.stop();
    await failed();
    expect((await stored())?.lastError).toBe('the connection was refused');
  });

  test('where the receiver breaks off', async () => {
    receiver.answers = [(res) => res.destroy()];
    await failed();
    expect((await stored())?.lastError).toBe('the connection was broken off');
  });

  test('where it leads elsewhere: a redirect is an answer like any other and is not followed', async () => {
    const elsewhere = await startReceiver();
    receiver.answers = [status(307, { location: elsewhere.url })];
    expect((await failed()).message).toBe('the receiver answered 307');
    expect(elsewhere.received).toEqual([]);
    await elsewhere.stop();
  });

  test('where the name leads to a private address when the connection is made', async () => {
    const asked: string[] = [];
    const sendWebhook = createWebhookSender({
      toPrivateNetworks: false,
      async resolve(host) {
        asked.push(host);
        return [{ address: '127.0.0.1', family: 4 }];
      },
    });
    const rebound = await storeEndpoint(activities.db, { url: 'https://rebound.example/secret-path' });
    delivery = await storeDelivery(activities.db, ref, rebound);
    const attempt = activities.run(deliverWebhook, ['school', delivery.id], { deps: { sendWebhook } });
    await expect(attempt).rejects.toThrow('the host leads to an address that is not public');
    expect(asked).toEqual(['rebound.example']);
    expect(JSON.stringify(await stored(), (_, value) => String(value))).not.toContain('secret-path');
  });
});

test('a name is looked up once, and the connection goes to the address that was looked at', async () => {
  const asked: string[] = [];
  const sendWebhook = createWebhookSender({
    toPrivateNetworks: true,
    async resolve(host) {
      asked.push(host);
      return [{ address: '127.0.0.1', family: 4 }];
    },
  });
  const named = await storeEndpoint(activities.db, {
    url: receiver.url.replace('127.0.0.1', 'receiver.example'),
  });
  delivery = await storeDelivery(activities.db, ref, named);
  expect(await activities.run(deliverWebhook, ['school', delivery.id], { deps: { sendWebhook } })).toBe(
    'delivered',
  );
  expect(asked).toEqual(['receiver.example']);
  expect(receiver.received[0]?.headers.host).toMatch(/^receiver\.example:/);
});

test('of an answer without end only the beginning is read', async () => {
  let written = 0;
  receiver.answers = [
    (res) => {
      res.writeHead(200);
      const more = (): void => {
        while (!res.destroyed && written < 1e9 && res.write(Buffer.alloc(16_384))) written += 16_384;
        if (written < 1e9) res.once('drain', more);
      };
      more();
    },
  ];
  expect(await deliver()).toBe('delivered');
  expect(written).toBeLessThan(50e6);
});

test('a receiver that said 2xx and never ends its answer has the message', async () => {
  receiver.answers = [(res) => void res.writeHead(202).write('...')];
  expect(await deliver()).toBe('delivered');
});

test('nothing is sent to an endpoint that was disabled meanwhile, and the delivery says so', async () => {
  endpoint = await storeEndpoint(activities.db, {
    url: receiver.url,
    disabledAt: new Date(NOW_MS),
    disabledReason: 'by hand',
  });
  delivery = await storeDelivery(activities.db, ref, endpoint);
  expect(await deliver()).toBe('failed');
  expect(receiver.received).toEqual([]);
  expect(await stored()).toMatchObject({
    status: 'failed',
    attempts: 0,
    lastError: 'the endpoint is disabled',
  });
  expect((await endpointRow(activities.db, endpoint)).disabledReason).toBe('by hand');
});

describe('a delivery is given up', () => {
  const failingFor = async (hours: number): Promise<EndpointRow> => {
    receiver.answers = [status(500)];
    await failed();
    activities.clock.nowMs = NOW_MS + hours * HOUR_MS;
    await giveUp();
    return await endpointRow(activities.db, endpoint);
  };

  test('and its endpoint is disabled when it took nothing in three days', async () => {
    const { disabledAt, disabledReason } = await failingFor(68);
    expect(disabledAt).toEqual(new Date(NOW_MS + 68 * HOUR_MS));
    expect(disabledReason).toBe(`no message could be delivered since ${new Date(NOW_MS).toISOString()}`);
    expect(await stored()).toMatchObject({ status: 'failed', endedAt: disabledAt });
  });

  test('and its endpoint goes on when it took something in between', async () => {
    expect(await failingFor(67)).toMatchObject({ disabledAt: null, disabledReason: null });
    expect(await stored()).toMatchObject({ status: 'failed' });
  });

  test('once: one that was delivered stays so, and disables nothing', async () => {
    await deliver();
    await inTenant(activities.db, 'school', (tx) =>
      tx
        .update(webhookEndpoints)
        .set({ failingSince: new Date(0) })
        .where(eq(webhookEndpoints.id, endpoint.id)),
    );
    await giveUp();
    expect(await stored()).toMatchObject({ status: 'delivered' });
    expect((await endpointRow(activities.db, endpoint)).disabledAt).toBeNull();
  });
});
