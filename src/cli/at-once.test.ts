import { expect, test } from 'vitest';
import { atOnce } from './at-once.ts';

test('all are done, never more at a time than were allowed', async () => {
  let underWay = 0;
  let most = 0;
  const done: number[] = [];
  await atOnce([5, 1, 4, 2, 3, 0, 6], 3, async (item) => {
    most = Math.max(most, ++underWay);
    for (let turn = 0; turn < item; turn++) await Promise.resolve();
    underWay--;
    done.push(item);
  });
  expect(done.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(most).toBe(3);
});

test('after a failure no other is begun, and what was under way is waited for', async () => {
  const begun: string[] = [];
  const slow = Promise.withResolvers<void>();
  let ended = false;
  const all = atOnce(['bad', 'slow', 'third'], 2, async (item) => {
    begun.push(item);
    if (item === 'bad') throw new Error('broken');
    await slow.promise;
    ended = true;
  });
  slow.resolve();
  await expect(all).rejects.toThrow('broken');
  expect([begun, ended]).toEqual([['bad', 'slow'], true]);
});
