import { describe, expect, it } from 'vitest';
import { BadFilter, parseFilter } from './filter.ts';

const FIELDS = ['space.name', 'start_time', 'end_time'];
const at = (minutes: number) => Date.parse('2026-03-02T09:00:00Z') + minutes * 60_000;
const row = { 'space.name': 'spaces/a', start_time: at(0), end_time: null };

describe('the filter language of Meet', () => {
  it.each([
    ['', true],
    ['space.name = "spaces/a"', true],
    ['space.name="spaces/b"', false],
    ['space.name != "spaces/b"', true],
    ['start_time >= "2026-03-02T09:00:00Z"', true],
    ['start_time > "2026-03-02T09:00:00Z"', false],
    ['start_time <= "2026-03-02T12:00:00+03:00"', true],
    ['start_time < "2026-03-02T09:00:00Z"', false],
    ['end_time IS NULL', true],
    ['end_time IS NOT NULL', false],
    ['end_time >= "2026-03-02T09:00:00Z"', false],
    ['space.name = "spaces/a" AND start_time >= "2026-03-02T08:00:00Z" AND end_time IS NULL', true],
    ['space.name = "spaces/a" AND start_time >= "2026-03-02T10:00:00Z"', false],
  ])('%s lets an open conference of nine o’clock pass: %s', (filter, passes) => {
    expect(parseFilter(filter, FIELDS)(row)).toBe(passes);
  });

  it.each([
    ['startTime >= "2026-03-02T09:00:00Z"'],
    ['space.name = spaces/a'],
    ['start_time >= "yesterday"'],
    ['end_time IS NULL OR end_time > "2026-03-02T09:00:00Z"'],
    ['space.name'],
  ])('%s is refused', (filter) => {
    expect(() => parseFilter(filter, FIELDS)).toThrow(BadFilter);
  });
});
