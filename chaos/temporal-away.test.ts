/** Temporal goes away and comes back on the same files: what was asked of Rollcall meanwhile still happens. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTemporal } from '../src/local/find-temporal.ts';
import { plainReport } from '../src/local/progress.ts';
import { type RunningTemporal, startTemporal } from '../src/local/temporal.ts';
import { ATTRIBUTE_TYPES } from '../workflows/attribute-keys.ts';
import { endingOf, isStarted, workflowsOf } from './history.ts';
import {
  classOf,
  everybodyComes,
  type Lesson,
  schedule,
  statuses,
  untilSettled,
  untilStatus,
} from './lesson.ts';
import { type Answer, startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

const HOUR = 3_600;
const at = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();

let dataDir: string;
let temporal: RunningTemporal;
let rollcall: TestRollcall;
let live: Lesson;
let moved: Lesson;
let cancelled: Lesson;
/** Scheduled, moved and cancelled while Temporal was away. */
let scheduled: Lesson;
let answers: Answer<unknown>[];

const start = async (port?: number) =>
  startTemporal({
    binary: await findTemporal({ report: plainReport() }),
    dataDir,
    port,
    headless: true,
    searchAttributes: ATTRIBUTE_TYPES,
    report: plainReport(),
  });

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rollcall-temporal-'));
  temporal = await start();
  rollcall = await startTestRollcall({
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: 'default',
    ROLLCALL_RETRY_FOR_SECONDS: '30',
  });
  moved = await schedule(rollcall, { startsIn: HOUR });
  cancelled = await schedule(rollcall, { startsIn: HOUR });
  await untilStatus(rollcall, moved, 'scheduled');
  await until(
    'both workflows',
    async () => (await isStarted(rollcall, moved)) && isStarted(rollcall, cancelled),
  );
  live = await schedule(rollcall, { asksForSpace: true, startsIn: 2, seconds: 8 });
  await everybodyComes(rollcall, live);
  await untilStatus(rollcall, live, 'active');

  await temporal.stop();
  scheduled = await schedule(rollcall, { asksForSpace: true, startsIn: 20, seconds: 4 });
  answers = [
    await rollcall.call('PATCH', `/api/classes/${moved.id}`, { start_time: at(15), duration_seconds: 4 }),
    await rollcall.call('POST', `/api/classes/${cancelled.id}/cancel`, { reason: 'The teacher is ill.' }),
    await rollcall.call('GET', '/readyz'),
  ];
  moved = { ...moved, startMs: Date.parse((await classOf(rollcall, moved)).start_time) };
  moved.endMs = moved.startMs + 4_000;
  temporal = await start(Number(temporal.address.split(':')[1]));
});
afterAll(async () => {
  await rollcall?.stop();
  await temporal?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test('while Temporal is away changes are taken all the same, and readiness says what is missing', () => {
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 503]);
  expect(answers[2]?.body).toMatchObject({ temporal: 'down', database: 'up' });
});

test.concurrent('a class that was scheduled meanwhile gets its workflow', async () => {
  await everybodyComes(rollcall, scheduled);
  expect((await untilSettled(rollcall, scheduled)).status).toBe('completed');
  expect(await statuses(rollcall, scheduled)).toEqual(['present', 'present']);
  expect(await workflowsOf(rollcall, scheduled)).toBe(1);
});

test.concurrent('a class that was moved meanwhile takes place at its new hour', async () => {
  await everybodyComes(rollcall, moved);
  expect((await untilSettled(rollcall, moved)).status).toBe('completed');
  expect(await statuses(rollcall, moved)).toEqual(['present', 'present']);
  expect(await workflowsOf(rollcall, moved)).toBe(1);
});

test.concurrent('the workflow of a class that was cancelled meanwhile ends', async () => {
  await until('the end of the workflow', async () => (await classOf(rollcall, cancelled)).settled_at);
  expect(await endingOf(rollcall, cancelled)).toBe('cancelled');
  expect(await workflowsOf(rollcall, cancelled)).toBe(1);
});

test.concurrent('a class that was live is carried on', async () => {
  expect((await untilSettled(rollcall, live)).status).toBe('completed');
  expect(await statuses(rollcall, live)).toEqual(['present', 'present']);
  expect(await workflowsOf(rollcall, live)).toBe(1);
});
