import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { RoomServiceClient, WebhookReceiver } from 'livekit-server-sdk';
import { expect, inject, onTestFinished, test } from 'vitest';
import { freePort } from './free-port.ts';
import { type LiveKitOptions, type RunningLiveKit, startLivekit } from './livekit.ts';
import { eventually, kill, runModule, temporaryDirectory } from './local-test.ts';
import { identify } from './process-identity.ts';
import { openSockets } from './test-sockets.ts';

const binary = inject('livekitBinary');
const keys = { apiKey: 'APIrollcall', apiSecret: 'forty characters that nobody else knows ' };

async function start(options: Partial<LiveKitOptions> & { readonly dataDir: string }) {
  const running = await startLivekit({ binary, ...keys, webhookUrls: [], report: () => {}, ...options });
  onTestFinished(() => running.stop());
  return running;
}

function roomsOf({ url }: RunningLiveKit) {
  return new RoomServiceClient(url, keys.apiKey, keys.apiSecret);
}

async function hookFor(rooms: string[]) {
  const receiver = new WebhookReceiver(keys.apiKey, keys.apiSecret);
  const server = createHttpServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const { event, room } = await receiver.receive(body, request.headers.authorization);
    rooms.push(`${event} ${room?.name}`);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/livekit`;
}

test('answers its key alone, tells the webhook what happens, and closes rooms when it was told to', async () => {
  const told: string[] = [];
  const webhookUrls = [await hookFor(told)];
  const running = await start({
    dataDir: temporaryDirectory(),
    webhookUrls,
    room: { emptyTimeoutSeconds: 1 },
  });
  const { emptyTimeout, departureTimeout } = await roomsOf(running).createRoom({ name: 'quran' });
  expect({ emptyTimeout, departureTimeout }).toEqual({ emptyTimeout: 1, departureTimeout: 5 });
  await eventually('it closed', () => told.length === 2);
  expect(told).toEqual(['room_started quran', 'room_finished quran']);
  const stranger = new RoomServiceClient(
    running.url,
    keys.apiKey,
    'another secret of at least 32 characters',
  );
  await expect(stranger.listRooms()).rejects.toMatchObject({ status: 401 });
});

test('two run side by side, and each in the data directory that is its own', async () => {
  const dataDir = temporaryDirectory();
  const [one, other] = await Promise.all([start({ dataDir }), start({ dataDir: temporaryDirectory() })]);
  await roomsOf(one).createRoom({ name: 'quran' });
  expect(await roomsOf(other).listRooms()).toEqual([]);
  await expect(start({ dataDir })).rejects.toThrow(/uses the LiveKit files in .* ROLLCALL_DATA_DIR/);
});

test('nobody but this machine reaches it, and nobody but the owner reads its secret', async () => {
  const dataDir = temporaryDirectory();
  const { all, reachable } = openSockets((await start({ dataDir })).pid);
  expect({ open: all.length, reachable }).toEqual({ open: 2, reachable: [] });
  const file = join(dataDir, 'livekit', 'livekit.json');
  expect(readFileSync(file, 'utf8')).toContain(keys.apiSecret);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('the environment does not reach into its configuration', async () => {
  process.env.LIVEKIT_KEYS = 'APIother: a secret that somebody else would know too';
  onTestFinished(() => void delete process.env.LIVEKIT_KEYS);
  expect(await roomsOf(await start({ dataDir: temporaryDirectory() })).listRooms()).toEqual([]);
});

test('a port that stays taken is an error with what the server said', async () => {
  const holder = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(holder, 'listening');
  onTestFinished(() => void holder.close());
  const { port } = holder.address() as AddressInfo;
  await expect(start({ dataDir: temporaryDirectory(), port })).rejects.toThrow(
    new RegExp(`did not start on the ports ${port}[^]*listen tcp 127.0.0.1:${port}`),
  );
});

test('a port that another LiveKit has is not taken for its own, even if that one has the same key', async () => {
  const { port } = await start({ dataDir: temporaryDirectory() });
  await expect(start({ dataDir: temporaryDirectory(), port })).rejects.toThrow('address already in use');
});

test('a port that is free a moment later is waited for', async () => {
  const holder = createSocket('udp4').bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const udpPort = holder.address().port;
  const started = start({ dataDir: temporaryDirectory(), udpPort });
  setTimeout(() => holder.close(), 500);
  expect(await started).toMatchObject({ udpPort });
});

test('after a SIGKILL it starts again on the same ports, at once, without the rooms that were', async () => {
  const dataDir = temporaryDirectory();
  const first = await start({ dataDir });
  await roomsOf(first).createRoom({ name: 'quran' });
  process.kill(first.pid, 'SIGKILL');
  const { port, udpPort } = first;
  const second = await start({ dataDir, port, udpPort });
  expect(second).toMatchObject({ url: first.url, port, udpPort });
  expect(await roomsOf(second).listRooms()).toEqual([]);
});

test('nothing runs after the stop, nor after the parent was killed, and its ports can be had again', async () => {
  const running = await start({ dataDir: temporaryDirectory() });
  await running.stop();
  expect(identify(running.pid)).toBeUndefined();
  const dataDir = temporaryDirectory();
  const port = await freePort();
  const options = { binary, ...keys, dataDir, port, webhookUrls: [] };
  const { child, said } = runModule(`
    const { startLivekit } = await import(local + 'livekit.ts');
    say(await startLivekit({ ...${JSON.stringify(options)}, report }));
    setInterval(() => {}, 1_000);`);
  const { pid } = (await said()) as { pid: number };
  expect(identify(pid)).toBeDefined();
  await kill(child, 'SIGKILL');
  // At once, while the guard is still ending it: the start waits for that.
  expect(await start({ dataDir, port })).toMatchObject({ port });
  await eventually('it is gone', () => identify(pid) === undefined);
});

test('a start that is called off in its middle says so', async () => {
  const calledOff = AbortSignal.abort(new Error('Stopped by SIGINT.'));
  await expect(start({ dataDir: temporaryDirectory(), signal: calledOff })).rejects.toThrow(
    'Stopped by SIGINT.',
  );
});
