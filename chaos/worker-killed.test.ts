/** The worker dies without a word, once, while one class sleeps, one is live and one waits for evidence. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evidenceOf } from './evidence.ts';
import { pollsOf, runsOf, workflowsOf } from './history.ts';
import { everybodyComes, type Lesson, schedule, statuses, untilSettled, untilStatus } from './lesson.ts';
import { killWorker, startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

let rollcall: TestRollcall;
let sleeping: Lesson;
let live: Lesson;
let reconciling: Lesson;

beforeAll(async () => {
  rollcall = await startTestRollcall();
  reconciling = await schedule(rollcall, { asksForSpace: true, startsIn: 5, seconds: 2 });
  live = await schedule(rollcall, { asksForSpace: true, startsIn: 7, seconds: 8 });
  sleeping = await schedule(rollcall, { asksForSpace: true, startsIn: 20 });
  await Promise.all([everybodyComes(rollcall, live), everybodyComes(rollcall, sleeping)]);
  await untilStatus(rollcall, reconciling, 'reconciling');
  await untilStatus(rollcall, live, 'active');
  await until('a first poll', async () => (await evidenceOf(rollcall, live)).sweeps.length > 0);
  await untilStatus(rollcall, sleeping, 'scheduled');
  await killWorker(rollcall);
  await everybodyComes(rollcall, reconciling);
});
afterAll(async () => {
  await rollcall?.stop();
});

test.concurrent.for([
  ['sleeps', () => sleeping],
  ['is live', () => live],
  ['waits for evidence', () => reconciling],
] as const)('a class that %s when the worker is killed is carried on by the next', async ([, which]) => {
  const lesson = which();
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);

  const runs = await runsOf(rollcall, lesson);
  const activities = runs.flatMap((run) => run.activities);
  expect(activities.every(({ completed }) => completed <= 1)).toBe(true);
  expect(await workflowsOf(rollcall, lesson)).toBe(1);

  const { sweeps, events, calculations, records } = await evidenceOf(rollcall, lesson);
  const polls = runs.flatMap(pollsOf);
  // An attempt that was cut off may have stored its answer, and its repetition another; nothing else asks.
  const attempts = polls.reduce((sum, poll) => sum + poll.attempts, 0);
  expect(sweeps.length).toBeGreaterThanOrEqual(polls.length);
  expect(sweeps.length).toBeLessThanOrEqual(attempts);
  expect(new Set(sweeps.map(({ at }) => at.getTime())).size).toBe(sweeps.length);

  expect(events.filter(({ kind }) => kind === 'joined')).toHaveLength(2);
  expect(events.filter(({ kind }) => kind === 'left')).toHaveLength(2);
  expect(events.filter(({ kind }) => kind === 'room_closed')).toHaveLength(1);

  const versions = calculations.map(({ version }) => version);
  expect(versions).toEqual(versions.map((_, index) => index + 1));
  expect(records).toEqual(versions.map((version) => ({ version, persons: 2 })));
  calculations.reduce((before, after) => {
    expect(after.inputs_hash).not.toBe(before.inputs_hash);
    return after;
  });
});
