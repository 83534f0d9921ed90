import { beforeEach, expect, test } from 'vitest';
import { createReturns, LONGEST_RETURN, type Returns } from './returns.ts';

let nowMs: number;
let returns: Returns;
beforeEach(() => {
  nowMs = 1_234_500;
  let n = 0;
  // Evenly, so that nothing here is left to luck.
  returns = createReturns(
    () => nowMs,
    () => (n++ * 0.618_033_988_75) % 1,
  );
});

const refused = (many: number): number[] => Array.from({ length: many }, () => returns.after());
const store = (many: number): void => {
  for (let n = 0; n < many; n++) returns.stored();
};
const meanOf = (all: number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length;

test('few come back within two to five seconds, and not together', () => {
  expect(new Set(refused(100))).toEqual(new Set([2, 3, 4, 5]));
});

/** Rooms whose deliveries are refused again and again; how many come in each second after the first minute. */
function crowd(rooms: number, stored: number): number[] {
  const backAt = Array.from({ length: rooms }, (_, n) => n % 3);
  const perSecond: number[] = [];
  for (let second = 0; second < 180; second++) {
    store(stored);
    let came = 0;
    for (let room = 0; room < rooms; room++) {
      if (backAt[room] !== second) continue;
      came++;
      backAt[room] = second + returns.after();
    }
    if (second >= 60) perSecond.push(came);
    nowMs += 1_000;
  }
  return perSecond;
}

test('of a crowd as many come back in a second as a quarter of what is stored in one', () => {
  const perSecond = crowd(6_000, 2_000);
  expect(meanOf(perSecond)).toBeGreaterThan(400);
  expect(meanOf(perSecond)).toBeLessThan(600);
  expect(Math.max(...perSecond)).toBeLessThan(800);
});

test('nobody waits longer than LiveKit keeps what comes behind', () => {
  const all = refused(20_000);
  expect(Math.max(...all)).toBe(LONGEST_RETURN);
  expect(Math.min(...all)).toBe(2);
});

test('who has come back no longer counts', () => {
  refused(10_000);
  expect(Math.max(...refused(10))).toBeGreaterThan(5);
  nowMs += (LONGEST_RETURN + 1) * 1_000;
  expect(Math.max(...refused(10))).toBe(5);
});

test('while some are refused no more may wait than are stored in a twentieth of a second', () => {
  const stored = (many: number): number => {
    store(many);
    nowMs += 1_000;
    return returns.places(450);
  };
  expect(stored(6_000)).toBe(450);
  refused(1);
  // Whoever comes in the same moment shall not be refused because the second has only begun.
  expect(returns.places(450)).toBe(450);
  expect(stored(6_000)).toBe(300);
  refused(1);
  expect(stored(1_000)).toBe(150);
  refused(1);
  expect(stored(20_000)).toBe(450);
  expect(stored(1_000)).toBe(450);
});

test('a server that stores more lets more come back', () => {
  store(40_000);
  nowMs += 1_000;
  refused(10_000);
  expect(Math.max(...refused(100))).toBe(5);
  // Half a minute later it is not known what it stores.
  nowMs += 30_000;
  refused(10_000);
  expect(Math.max(...refused(100))).toBe(LONGEST_RETURN);
});
