import { expect, test } from 'vitest';
import { clip, gaps, type Interval, intersect, total, touches, union } from './intervals.ts';

const of = (...pairs: [number, number][]): Interval[] =>
  pairs.map(([startMs, endMs]) => ({ startMs, endMs }));
const WINDOW = { startMs: 10, endMs: 20 };

test('clipping keeps what is inside and drops what is empty', () => {
  expect(clip(of([0, 5], [5, 10], [8, 12], [12, 12], [18, 30], [20, 25]), WINDOW)).toEqual(
    of([10, 12], [18, 20]),
  );
});

test('a union joins what overlaps or meets, in order, and leaves its input alone', () => {
  const given = of([5, 7], [0, 2], [2, 4], [1, 3], [6, 9], [9, 9]);
  expect(union(given)).toEqual(of([0, 4], [5, 9]));
  expect(given[1]).toEqual({ startMs: 0, endMs: 2 });
});

test('a piece inside another does not shorten it', () => {
  expect(union(of([0, 10], [2, 3]))).toEqual(of([0, 10]));
});

test('gaps are between the pieces', () => {
  expect(gaps(of([0, 2], [5, 6], [9, 10]))).toEqual(of([2, 5], [6, 9]));
  expect(gaps([])).toEqual([]);
});

test('an intersection is what both have', () => {
  expect(intersect(of([0, 5], [6, 10]), of([1, 2], [4, 8], [10, 12]))).toEqual(of([1, 2], [4, 5], [6, 8]));
});

test('a total is in milliseconds', () => {
  expect(total(of([0, 5], [6, 10]))).toBe(9);
});

test.each([
  [0, 10, false],
  [0, 11, true],
  [19, 30, true],
  [20, 30, false],
  [10, 10, true],
  [9, 9, false],
  [20, 20, false],
])('[%i, %i) touches [10, 20): %s', (startMs, endMs, expected) => {
  expect(touches({ startMs, endMs }, WINDOW)).toBe(expected);
});
