/** What a class costs in Temporal's history: by polls and bells, never by people (product §14). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pollsOf, type Run, runsOf } from './history.ts';
import { everybodyComes, schedule, untilSettled } from './lesson.ts';
import { startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall();
});
afterAll(async () => {
  await rollcall?.stop();
});

const CHANGES = 10;

/** A class that is changed ten times before it begins, takes place, and is settled. */
async function lifeOf(students: number): Promise<Run[]> {
  const lesson = await schedule(rollcall, { asksForSpace: true, startsIn: 18, seconds: 8, students });
  const script = everybodyComes(rollcall, lesson);
  for (let n = 1; n <= CHANGES; n++) {
    // One after the other has been heard, so that each costs what it costs.
    await rollcall.call('PATCH', `/api/classes/${lesson.id}`, { subject: `Algebra ${n}` });
    await until('the bell', async () => sum(await runsOf(rollcall, lesson), ({ bells }) => bells) >= n);
  }
  await script;
  const settled = await untilSettled(rollcall, lesson);
  expect(settled.status).toBe('completed');
  const graceEndMs = Date.parse(settled.ended_at ?? '') + 2_000;
  const afterGraceMs = Date.parse(settled.settled_at ?? '') - graceEndMs;
  const runs = await runsOf(rollcall, lesson);
  const sizes = runs.map((run) => `${run.events} events (${pollsOf(run).length} polls, ${run.bells} bells)`);
  process.stdout.write(
    `${students} students: ${sizes.join(', ')}; final ${afterGraceMs} ms after the grace\n`,
  );
  return runs;
}

const sum = (runs: Run[], of: (run: Run) => number) => runs.reduce((total, run) => total + of(run), 0);
const budgetOf = (run: Run): number => 12 * pollsOf(run).length + 5 * run.bells + 60;

describe('the history of a run', () => {
  let few: Run[];
  let many: Run[];
  beforeAll(async () => {
    [few, many] = await Promise.all([lifeOf(3), lifeOf(300)]);
  });

  test('stays within its budget, with 3 students and with 300', () => {
    for (const run of [...few, ...many]) expect(run.events).toBeLessThanOrEqual(budgetOf(run));
    // Nor does a new run bring a new allowance: all of them together stay within that of one.
    for (const life of [few, many]) {
      const allowance = sum(life, (run) => budgetOf(run) - 60) + 60;
      expect(sum(life, ({ events }) => events)).toBeLessThanOrEqual(allowance);
    }
    // The sweeper rings too when it comes between a change and its bell.
    expect(sum(few, ({ bells }) => bells)).toBeGreaterThanOrEqual(CHANGES);
    expect(sum(many, ({ bells }) => bells)).toBeGreaterThanOrEqual(CHANGES);
  });

  test('is no larger for 300 students than for 3', () => {
    const largest = (runs: Run[]) => Math.max(...runs.map((run) => run.largestResult));
    // Numbers have some digits more; the id of one person alone would be 36 bytes.
    expect(largest(many)).toBeLessThan(largest(few) + 36);
  });
});
