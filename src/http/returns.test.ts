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

test('of a crowd about a tenth of what is stored in a second comes back in one, and about as many in each', () => {
  const perSecond = crowd(8_000, 4_000);
  expect(meanOf(perSecond)).toBeGreaterThan(400);
  expect(meanOf(perSecond)).toBeLessThan(600);
  expect(Math.min(...perSecond)).toBeGreaterThan(meanOf(perSecond) * 0.8);
  expect(Math.max(...perSecond)).toBeLessThan(meanOf(perSecond) * 1.2);
});

test('in its first second it is not known how much more there is: half of what is stored comes back in one', () => {
  store(8_000);
  nowMs += 1_000;
  expect(Math.max(...refused(20_000))).toBe(6);
  store(8_000);
  nowMs += 1_000;
  // Now it has lasted.
  expect(Math.max(...refused(20_000))).toBe(LONGEST_RETURN);
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

test('while some are refused no more may wait than can be stored in a twentieth of a second', () => {
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
  // A second in which little was stored is no proof that no more can be.
  expect(stored(1_000)).toBe(240);
  refused(1);
  expect(stored(1_000)).toBe(192);
  for (let n = 0; n < 5; n++) {
    refused(1);
    stored(1_000);
  }
  refused(1);
  expect(stored(1_000)).toBe(150);
  refused(1);
  expect(stored(20_000)).toBe(450);
  expect(stored(1_000)).toBe(450);
});

test('while some are refused, luck decides before the last place does', () => {
  const admitted = (taken: number): number =>
    Array.from({ length: 1_000 }, () => returns.admits(taken, 400)).filter(Boolean).length;
  expect([0, 399, 400].map(admitted)).toEqual([1_000, 1_000, 0]);
  refused(1);
  store(20_000);
  nowMs += 1_000;
  expect([0, 239, 240].map(admitted)).toEqual([1_000, 1_000, 1_000]);
  expect(admitted(320)).toBeGreaterThan(800);
  expect(admitted(320)).toBeLessThan(900);
  expect(admitted(399)).toBeLessThan(750);
  expect(admitted(400)).toBe(0);
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
