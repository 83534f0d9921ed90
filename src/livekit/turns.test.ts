import { expect, test } from 'vitest';
import { faultOf, useFakeLiveKit } from './fake-livekit.ts';
import { createLiveKitRooms } from './rooms.ts';
import { takingTurns } from './turns.ts';

/** Work that ends when it is told to. */
function task() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { work: () => promise, done: resolve };
}

test('so many work at once, the others in the order in which they came', async () => {
  const inTurn = takingTurns({ most: 2, patienceMs: 60_000 });
  const begun: number[] = [];
  const tasks = [0, 1, 2, 3, 4].map(() => task());
  const all = tasks.map(({ work }, n) =>
    inTurn(() => {
      begun.push(n);
      return work();
    }),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  tasks[1]?.done();
  await all[1];
  expect(begun).toEqual([0, 1, 2]);
  for (const { done } of tasks) done();
  await Promise.all(all);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});

test('work that fails hands its turn on', async () => {
  const inTurn = takingTurns({ most: 1, patienceMs: 60_000 });
  const broken = inTurn(() => Promise.reject(new Error('broken')));
  const next = inTurn(async () => 'next');
  await expect(broken).rejects.toThrow('broken');
  expect(await next).toBe('next');
  expect(await inTurn(async () => 'after a pause')).toBe('after a pause');
});

test('whoever waits too long is sent away, and takes nobody’s turn', async () => {
  const inTurn = takingTurns({ most: 1, patienceMs: 20 });
  const slow = task();
  const first = inTurn(slow.work);
  const fault = await faultOf(inTurn(async () => 'never'));
  expect([fault.code, fault.kind]).toEqual(['timeout', 'retry']);
  slow.done();
  await first;
  expect(await inTurn(async () => 'free again')).toBe('free again');
});

const livekit = useFakeLiveKit();

test('one LiveKit is never asked more than eight things at once', async () => {
  const rooms = createLiveKitRooms({ settings: livekit().settings, now: Date.now });
  await Promise.all(Array.from({ length: 40 }, (_, n) => rooms.create(`room ${n}`, { keepForSeconds: 60 })));
  expect(livekit().calls).toHaveLength(40);
  expect(livekit().mostAtOnce).toBeGreaterThan(1);
  expect(livekit().mostAtOnce).toBeLessThanOrEqual(8);
});
