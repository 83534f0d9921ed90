import { beforeEach, expect, test } from 'vitest';
import { createLoadShedding, LONGEST_RETURN, type LoadShedding } from './load-shedding.ts';

let nowMs: number;
let shedding: LoadShedding;
beforeEach(() => {
  nowMs = 1_234_500;
  let n = 0;
  // Evenly, so that nothing here is left to luck.
  shedding = createLoadShedding(
    () => nowMs,
    () => (n++ * 0.618_033_988_75) % 1,
  );
});

const refused = (many: number): number[] => Array.from({ length: many }, () => shedding.retryAfter());
const meanOf = (all: number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length;

test('few come back within two to five seconds, and not together', () => {
  expect(new Set(refused(100))).toEqual(new Set([2, 3, 4, 5]));
});

test('whoever is refused in one burst comes back within a few seconds, however idle the server was', () => {
  const back = refused(550);
  expect(Math.max(...back)).toBeLessThanOrEqual(9);
  for (const second of new Set(back)) expect(back.filter((one) => one === second).length).toBeLessThan(200);
});

/** Rooms whose deliveries are refused again and again; how many come in each tenth of a second after the first minute. */
function crowd(rooms: number): number[] {
  const backAt = Array.from({ length: rooms }, (_, n) => n % 10);
  const perTenth: number[] = [];
  for (let tenth = 0; tenth < 1_800; tenth++) {
    let came = 0;
    for (let room = 0; room < rooms; room++) {
      if (backAt[room] !== tenth) continue;
      came++;
      backAt[room] = tenth + shedding.retryAfter() * 10;
    }
    if (tenth >= 600) perTenth.push(came);
    nowMs += 100;
  }
  return perTenth;
}

test('of a crowd about seven hundred come back in a second, and about as many in each moment of it', () => {
  const perTenth = crowd(10_000);
  expect(meanOf(perTenth)).toBeGreaterThan(56);
  expect(meanOf(perTenth)).toBeLessThan(84);
  expect(Math.min(...perTenth)).toBeGreaterThan(meanOf(perTenth) * 0.6);
  expect(Math.max(...perTenth)).toBeLessThan(meanOf(perTenth) * 1.4);
});

/** In the moments of one second, as a crowd is. */
const refusedInASecond = (many: number): number[] =>
  Array.from({ length: 10 }, () => {
    const back = refused(many / 10);
    nowMs += 100;
    return back;
  }).flat();

test('of 19,600 nobody is told to wait for longer than thirty seconds, and of more nobody for longer than sixty', () => {
  expect(Math.max(...refusedInASecond(19_600))).toBeLessThanOrEqual(30);
  expect(LONGEST_RETURN).toBe(60);
  const all = refusedInASecond(40_000);
  expect(Math.max(...all)).toBe(60);
  expect(Math.min(...all)).toBe(2);
});

test('of each new crowd more come back at first, when they have little behind them yet', () => {
  for (let crowds = 0; crowds < 2; crowds++) {
    // The server was idle, and those of the crowd before have come back.
    nowMs += 90_000;
    const inSecond: number[] = [];
    for (const wait of refusedInASecond(60_000)) inSecond[wait] = (inSecond[wait] ?? 0) + 1;
    const level = meanOf(inSecond.slice(14, 60));
    // Of twelve seconds, those from when the crowd began to when the middle one of those comes back.
    for (let wait = 2; wait < 14; wait++) {
      expect((inSecond[wait] ?? 0) / level).toBeCloseTo(Math.max(1, 12 / (wait + 0.45)), 1);
    }
  }
});

test('who has come back no longer counts', () => {
  refused(10_000);
  expect(Math.max(...refused(10))).toBeGreaterThan(5);
  nowMs += (LONGEST_RETURN + 1) * 1_000;
  expect(Math.max(...refused(10))).toBe(5);
});

test('a crowd of one moment is no reason for those of another to wait', () => {
  refused(3_000);
  nowMs += 100;
  expect(Math.max(...refused(10))).toBe(5);
});

test('from when all places were taken until hardly any is, luck decides before the last place does', () => {
  const admitted = (taken: number): number =>
    Array.from({ length: 1_000 }, () => shedding.admits(taken, 400)).filter(Boolean).length;
  expect([0, 240, 399, 400].map(admitted)).toEqual([1_000, 1_000, 1_000, 0]);
  expect(admitted(240)).toBe(1_000);
  expect(admitted(320)).toBeGreaterThan(800);
  expect(admitted(320)).toBeLessThan(900);
  expect(admitted(399)).toBeLessThan(750);
  expect(admitted(41)).toBe(1_000);
  expect(admitted(399)).toBeLessThan(750);
  expect(admitted(40)).toBe(1_000);
  expect(admitted(399)).toBe(1_000);
});
