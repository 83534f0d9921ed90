import { ApplicationFailure } from '@temporalio/activity';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { speechless } from './speechless.ts';

const quiet = pino({ level: 'silent' });
const statement = new Error('Failed query: insert into "people" … params: Sara Secret,sara@school.example', {
  cause: Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' }),
});

test('what goes into a history names the kind of a failure and nobody', () => {
  const said = speechless(statement, 1, quiet);
  expect(said).toMatchObject({
    type: '57014',
    message: '57014: see the log of the worker',
    nonRetryable: false,
  });
  expect(said.cause).toBeUndefined();
});

test('what goes into the log has no parameters either', () => {
  const lines: string[] = [];
  speechless(statement, 3, pino({}, { write: (line) => void lines.push(line) }));
  expect(lines.join()).toContain('statement timeout');
  expect(lines.join()).not.toMatch(/Sara|sara@/);
});

test.each([
  [1, 200],
  [3, 800],
  [20, 5_000],
])('after try %i it is tried again in %i ms', (attempt, delayMs) => {
  expect(speechless(statement, attempt, quiet)).toMatchObject({ nextRetryDelay: delayMs });
});

test('a failure that was made for Temporal is left as it is', () => {
  const failure = ApplicationFailure.nonRetryable('Google Meet: scope_missing', 'scope_missing');
  expect(speechless(failure, 1, quiet)).toBe(failure);
});
