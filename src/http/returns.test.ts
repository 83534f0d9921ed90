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
  expect(new Set(refused(30))).toEqual(new Set([2, 3, 4, 5]));
});

/** Rooms whose deliveries are refused again and again; how many come in each tenth of a second after the first minute. */
function crowd(rooms: number, stored: number): number[] {
  const backAt = Array.from({ length: rooms }, (_, n) => n % 10);
  const perTenth: number[] = [];
  for (let tenth = 0; tenth < 1_800; tenth++) {
    store(stored / 10);
    let came = 0;
    for (let room = 0; room < rooms; room++) {
      if (backAt[room] !== tenth) continue;
      came++;
      backAt[room] = tenth + returns.after() * 10;
    }
    if (tenth >= 600) perTenth.push(came);
    nowMs += 100;
  }
  return perTenth;
}

test('of a crowd about a tenth of what is stored in a second comes back in one, and about as many in each moment of it', () => {
  const perTenth = crowd(8_000, 4_000);
  expect(meanOf(perTenth)).toBeGreaterThan(40);
  expect(meanOf(perTenth)).toBeLessThan(60);
  expect(Math.min(...perTenth)).toBeGreaterThan(meanOf(perTenth) * 0.6);
  expect(Math.max(...perTenth)).toBeLessThan(meanOf(perTenth) * 1.4);
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
  refused(1_000);
  expect(Math.max(...refused(100))).toBe(5);
  // Half a minute later it is not known what it stores.
  nowMs += 30_000;
  refused(1_000);
  expect(Math.max(...refused(100))).toBe(LONGEST_RETURN);
});

test('what a server stores that was idle shows from the first refusal on', () => {
  nowMs += 900;
  refused(1);
  store(800);
  nowMs += 100;
  // 8,000 a second, so 80 come back in this tenth of each one.
  expect(Math.max(...refused(320))).toBe(5);
  expect(Math.max(...refused(320))).toBeGreaterThan(5);
});
