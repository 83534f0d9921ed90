/** PostgreSQL goes away twice, once in order and once as in a power cut, under a server and a worker that keep running. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../src/db/migrate.ts';
import { type RunningPostgres, startPostgres } from '../src/local/postgres.ts';
import { plainReport } from '../src/local/progress.ts';
import { evidenceOf } from './evidence.ts';
import { workflowsOf } from './history.ts';
import {
  classOf,
  everybodyComes,
  type Lesson,
  lessonRequest,
  schedule,
  statuses,
  untilSettled,
  untilStatus,
} from './lesson.ts';
import { type Answer, startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

let dataDir: string;
let postgres: RunningPostgres;
let rollcall: TestRollcall;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'rollcall-postgres-'));
  postgres = await startPostgres({ dataDir, report: plainReport() });
  await migrate(postgres.ownerUrl);
  rollcall = await startTestRollcall({ DATABASE_URL: postgres.ownerUrl });
});
afterAll(async () => {
  await rollcall?.stop();
  await postgres?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const DEATHS = {
  'is stopped': () => postgres.stop(),
  'is killed': async () => {
    process.kill(postgres.pid, 'SIGKILL');
    await postgres.stop();
  },
};

const pids = () => [rollcall.server.pid(), rollcall.worker.pid()];
const start = () => startPostgres({ dataDir, port: postgres.port, report: plainReport() });
const attempts = (lesson: Lesson, request: unknown): Promise<Answer<unknown>>[] => [
  rollcall.call('POST', '/api/schedule/class', request),
  rollcall.call('PATCH', `/api/classes/${lesson.id}`, { subject: 'Geometry' }),
  rollcall.call('POST', `/api/classes/${lesson.id}/cancel`, { reason: 'The teacher is ill.' }),
  rollcall.call('GET', `/api/classes/${lesson.id}`),
];

test.for(Object.entries(DEATHS))(
  'when PostgreSQL %s, callers are asked to come again and nothing is half done',
  async ([, die]) => {
    const before = pids();
    const bystander = await schedule(rollcall, { startsIn: 3_600 });
    const lesson = await schedule(rollcall, { asksForSpace: true, startsIn: 2, seconds: 8 });
    await everybodyComes(rollcall, lesson);
    await untilStatus(rollcall, lesson, 'active');
    await until('a poll', async () => (await evidenceOf(rollcall, lesson)).events.length > 0);

    await die();
    const request = lessonRequest({ startsIn: 3_600, body: { external_id: randomUUID() } });
    for (const { status, headers, body } of await Promise.all(attempts(bystander, request))) {
      const retryAfter = Number(headers.get('retry-after'));
      expect([status, retryAfter > 0]).toEqual([503, true]);
      // Who comes again finds the connection open.
      const keptOpen = Number(headers.get('keep-alive')?.match(/timeout=(\d+)/)?.[1]);
      expect(keptOpen).toBeGreaterThan(retryAfter + 5);
      expect(body).toMatchObject({ type: 'https://rollcall.dev/problems/try-again' });
    }
    postgres = await start();

    const again = await until('the server', async () => {
      const answer = await rollcall.call('POST', '/api/schedule/class', request);
      return answer.status !== 503 && answer;
    });
    // Not 200: the request that was refused had left nothing behind.
    expect(again.status).toBe(201);
    expect(await classOf(rollcall, bystander)).toMatchObject({ status: 'scheduled', subject: 'Algebra' });

    expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
    expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);
    expect(await workflowsOf(rollcall, lesson)).toBe(1);
    const { events, calculations } = await evidenceOf(rollcall, lesson);
    expect(events.filter(({ kind }) => kind === 'joined')).toHaveLength(2);
    expect(calculations.map(({ version }) => version)).toEqual(calculations.map((_, index) => index + 1));
    expect(pids()).toEqual(before);
  },
);
