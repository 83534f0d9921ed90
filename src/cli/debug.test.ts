import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { NativeConnection, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, inject, type TestContext, test } from 'vitest';
import { MAIN_QUEUE } from '../../workflows/queues.ts';
import { viewClass } from '../db/classes.ts';
import { inTenant } from '../db/client.ts';
import { appendMarks } from '../db/marks.ts';
import { sweeps } from '../db/schema.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { appendEvents, type NewEvent } from '../ingest/append-events.ts';
import { storeFailedFetch } from '../ingest/store-failed-fetch.ts';
import { createClassWorkflows } from '../temporal/class-workflows.ts';
import { type LiveKitClass, storeLiveKitClass } from '../temporal/test-livekit-class.ts';
import { createTestNamespace } from '../temporal/test-namespace.ts';
import { logRuntimeTo } from '../temporal/workers.ts';
import { workflowBundle } from '../temporal/workflow-bundle.ts';
import { CLI, environment, noConnectionIsLeft, rollcall, spawnRollcall } from './test-rollcall.ts';
import { addEvidence, changeRow, storeSettled } from './test-settled.ts';

const MINUTE_MS = 60_000;
const NOBODY_THERE = { TEMPORAL_ADDRESS: '127.0.0.1:1' };

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A class that began ten minutes ago. */
async function openClass(): Promise<LiveKitClass> {
  const startMs = Math.floor(Date.now() / 1_000) * 1_000 - 10 * MINUTE_MS;
  const lesson = await storeLiveKitClass(database.db, { startMs, subject: 'Tajwid' });
  await changeRow(database.db, lesson.ref, { status: 'open', openedAt: new Date(startMs) });
  return lesson;
}

/** Without Temporal, unless it is given one: one that does not answer is waited for. */
const env = (given: Record<string, string> = {}) => ({ DATABASE_URL: database.serviceUrl, ...given });
const debug = (...args: string[]) => rollcall(['debug', ...args], env());

/** The teacher is in, a guest came and went, one listing failed and another has the student, of whom nothing else tells. */
async function someEvidence({ ref, startMs, teacher, student }: LiveKitClass): Promise<void> {
  const at = (minutes: number): number => startMs + minutes * MINUTE_MS;
  const of = (identity: string, connection: string) => ({ identity, connection, room: 'RM_1' });
  const told: Omit<NewEvent, 'classId' | 'source' | 'sourceEventId'>[] = [
    { kind: 'left', atMs: at(4), ...of('a guest\u001b[2J', 'PA_g'), reason: 'CLIENT_INITIATED' },
    { kind: 'room_opened', atMs: at(-1), room: 'RM_1' },
    { kind: 'joined', atMs: at(0), connection: 'PA_t', room: 'RM_1', personId: teacher.slice(0, 36) },
    { kind: 'joined', atMs: at(3), ...of('a guest\u001b[2J', 'PA_g') },
  ];
  await inTenant(database.db, ref.tenantId, async (tx) => {
    await appendEvents(
      tx,
      ref.tenantId,
      told.map((one, n) => ({
        ...one,
        classId: ref.classId,
        source: 'livekit',
        sourceEventId: `${ref.classId}-${n}`,
      })),
    );
    await storeFailedFetch(tx, ref, {
      source: 'livekit',
      atMs: at(2),
      scope: 'present',
      error: 'unavailable: away',
    });
    const connection = { room: 'RM_1', startMs: at(5), endMs: null };
    await tx.insert(sweeps).values({
      ...ref,
      source: 'livekit',
      at: new Date(at(6)),
      ok: true,
      scope: 'present',
      roomExisted: true,
      rooms: [],
      connections: [
        { ...connection, connection: 'PA_t', identity: teacher.slice(0, 36), startMs: at(0) },
        { ...connection, connection: 'PA_s', identity: student.slice(0, 36) },
      ],
    });
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

const event = (kind: string, at: string) => ({ kind, at, source: 'livekit', room: 'RM_1' });

describe.concurrent('beside a Temporal that does not answer', () => {
  test('it shows a live class: events, connections, sweeps, presence and what keeps it from being captured', async () => {
    const lesson = await openClass();
    await someEvidence(lesson);
    const { ref, room, startMs, endMs } = lesson;
    const at = (minutes: number): string => iso(startMs + minutes * MINUTE_MS);
    const problem = { code: 'unavailable', message: 'cannot reach LiveKit', since: at(2) };
    await changeRow(database.db, ref, { captureProblem: problem });
    const { status, out, err } = await spawnRollcall(['debug', ref.classId, '--json'], env(NOBODY_THERE));
    expect([status, err]).toEqual([0, '']);
    const seen = JSON.parse(out);
    expect(seen).toMatchObject({ tenant: 'school', at: expect.any(String), calculation: null });
    expect(seen.class).toMatchObject({
      ...{ class_id: ref.classId, subject: 'Tajwid', status: 'active', provider: 'livekit', room_name: room },
      ...{ start_time: iso(startMs), end_time: iso(endMs), window_end: iso(endMs), capture_problem: problem },
      policy: { name: 'itqan', preset: 'itqan', version: 0 },
    });
    expect(seen.events).toEqual([
      { ...event('room_opened', at(-1)), who: null, connection: null, reason: null },
      { ...event('joined', at(0)), who: 'teacher@school.example', connection: 'PA_t', reason: null },
      { ...event('joined', at(3)), who: 'a guest\u001b[2J', connection: 'PA_g', reason: null },
      { ...event('left', at(4)), who: 'a guest\u001b[2J', connection: 'PA_g', reason: 'CLIENT_INITIATED' },
    ]);
    const connection = { source: 'livekit', removed: false, only_listed: false };
    const student = seen.connections.at(-1).who;
    expect(seen.connections).toEqual([
      { ...connection, who: 'teacher@school.example', begin: at(0), end: null, mark: 'open' },
      { ...connection, who: 'a guest\u001b[2J', begin: at(3), end: at(4), mark: 'told' },
      { ...connection, who: student, begin: at(5), end: null, mark: 'open', only_listed: true },
    ]);
    const sweep = { source: 'livekit', scope: 'present' };
    expect(seen.sweeps).toEqual([
      { ...sweep, at: at(2), ok: false, room_existed: null, listed: 0, error: 'unavailable: away' },
      { ...sweep, at: at(6), ok: true, room_existed: true, listed: 2, error: null },
    ]);
    expect(seen.people).toMatchObject([
      {
        who: 'teacher@school.example',
        role: 'teacher',
        status: 'pending',
        first_join: at(0),
        last_leave: null,
      },
      { who: 'student@school.example', role: 'student', status: 'pending', flags: ['unmatched_participant'] },
    ]);
    expect(seen.people[0].explanation).toContain('Connected ');
    expect(seen.workflow).toMatchObject({
      state: 'unreachable',
      reason: expect.stringContaining(NOBODY_THERE.TEMPORAL_ADDRESS),
    });
  });

  test('for people it writes the same under headings, without what a stranger would do to the terminal', async () => {
    const lesson = await openClass();
    await someEvidence(lesson);
    const { status, out } = await rollcall(['debug', lesson.ref.classId], env(NOBODY_THERE));
    expect(status).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toContain(`Class ${lesson.ref.classId} of school: Tajwid, academic, at 20`);
    expect(lines[1]).toMatch(/^ {2}ACTIVE {2}20.+ policy itqan \(itqan, version 0\) {2}opened /);
    expect(lines[2]).toBe(`  livekit ${lesson.room}, empty by the log`);
    expect(out).toContain('\nWorkflow: cannot be asked: Temporal at 127.0.0.1:1: no answer within 2 s\n');
    expect(out).toContain(
      '\nPresence as it is now, not calculated yet\n  teacher@school.example  teacher  pending (',
    );
    // Another day than the class begins on is named, and the columns are as wide as that.
    expect(out).toMatch(/\nConnections: 3\n {2}[\d:]+–now +livekit {2}teacher@school.example/);
    expect(out).toMatch(/\nSweeps: 2\n {2}[-\d: ]+ {2}livekit {2}FAILED {2}unavailable: away\n/);
    expect(out).toMatch(/ {2}livekit {2}left {9}a guest +PA_g {2}CLIENT_INITIATED\n/);
    expect(out).not.toContain('\u001b');
  });
});

describe.concurrent('what Temporal tells of the workflow', () => {
  let temporal: { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string };
  beforeAll(async () => {
    logRuntimeTo(pino({ level: 'error' }));
    const address = inject('temporalAddress');
    temporal = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: await createTestNamespace(address) };
  });

  test('that it has none, that nobody answers for it, and what it does', {
    timeout: 120_000,
  }, async ({ expect, onTestFinished }) => {
    const { ref, startMs } = await openClass();
    const workflow = async (): Promise<string> => {
      const { out } = await rollcall(['debug', ref.classId], env(temporal));
      return out.split('\n').find((line) => line.startsWith('Workflow: ')) ?? out;
    };
    expect(await workflow()).toBe('Workflow: Temporal has none: it was not started yet, or ended long ago');
    const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = temporal;
    const workflows = createClassWorkflows({ address, namespace });
    onTestFinished(() => workflows.close());
    await workflows.start(ref, startMs);
    expect(await workflow()).toBe('Workflow: running, but no worker answers for it: no answer within 2 s');
    await startWorker(address, namespace, onTestFinished);
    await expect
      .poll(workflow, { timeout: 50_000 })
      .toMatch(/^Workflow: await-start, .+; polls 0, attempts 0, bells 0$/);
  });

  /** Without activities: it waits for the first for ever, and says so. */
  async function startWorker(
    address: string,
    namespace: string,
    onTestFinished: TestContext['onTestFinished'],
  ): Promise<void> {
    const connection = await NativeConnection.connect({ address });
    const bundle = { code: await workflowBundle() };
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: MAIN_QUEUE,
      workflowBundle: bundle,
    });
    const running = worker.run();
    onTestFinished(async () => {
      worker.shutdown();
      await running;
      await connection.close();
    });
  }
});

describe.concurrent('--watch', () => {
  test('looks again every second until Ctrl-C, which ends it with status 0', async ({
    expect,
    onTestFinished,
  }) => {
    const lesson = await openClass();
    const child = spawn(process.execPath, [CLI, 'debug', lesson.ref.classId, '--watch', '--json'], {
      env: environment(env()),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const ended = once(child, 'exit');
    const looks = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await looks.next()).value ?? '');
    expect((await next()).events).toEqual([]);
    await someEvidence(lesson);
    await expect.poll(async () => (await next()).events.length, { timeout: 20_000 }).toBe(4);
    child.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
  });
});

test('whoever is marked is shown as marked, beside what was calculated', async () => {
  const ref = await storeSettled(database.db);
  await inTenant(database.db, ref.tenantId, async (tx) => {
    const { roster } = await viewClass(tx, ref);
    const replaced = { status: 'unknown', source: 'calculated', notes: null } as const;
    const marks = roster
      .filter(({ role }) => role === 'student')
      .map(
        ({ personId }) => ({ personId, status: 'excused', source: 'manual', notes: null, replaced }) as const,
      );
    await appendMarks(tx, ref, marks, { markedBy: 'admin', atMs: Date.now() });
  });
  const { out } = await debug(ref.classId, '--json');
  expect(JSON.parse(out).people).toMatchObject([
    { role: 'teacher', status: 'unknown', source: 'calculated', calculated_status: 'unknown' },
    { role: 'student', status: 'excused', source: 'manual', calculated_status: 'unknown' },
  ]);
  expect((await debug(ref.classId)).out).toContain('excused (marked; unknown)');
});

test('a class that was calculated is shown as it was calculated', async () => {
  const ref = await storeSettled(database.db);
  await addEvidence(database.db, ref);
  const { out } = await debug(ref.classId, '--json');
  const seen = JSON.parse(out);
  expect(seen.calculation).toEqual({ version: 1, calculated_at: expect.any(String) });
  expect(seen.class).toMatchObject({
    status: 'incomplete',
    missing: [{ code: 'livekit_not_ended' }, {}, {}],
  });
  expect(seen.people.map((one: { status: string }) => one.status)).toEqual(['unknown', 'unknown']);
  expect(seen.connections).toMatchObject([{ who: 'student@school.example', mark: 'told' }]);
  expect(seen.workflow).toEqual({
    state: 'unreachable',
    reason: 'TEMPORAL_ADDRESS is not set, and no local mode runs',
  });
});

describe('which class', () => {
  // A school beside the one that has it.
  beforeAll(async () => {
    await openClass();
  });

  test('is found by the owner in whatever school it is', async () => {
    const ref = await storeSettled(database.db, { tenantId: 'academy' });
    const found = await rollcall(['debug', ref.classId, '--json'], env({ DATABASE_URL: database.ownerUrl }));
    expect(JSON.parse(found.out).tenant).toBe('academy');
    const named = await debug(ref.classId, '--tenant', 'academy');
    expect(named.out).toContain(`Class ${ref.classId} of academy: Algebra`);
    const { status, err } = await debug(ref.classId);
    expect(status).toBe(2);
    expect(err).toContain('say which with --tenant');
  });

  test('must be there', async () => {
    const nobodys = randomUUID();
    const { status, out, err } = await debug(nobodys, '--tenant', 'school');
    expect([status, out, err]).toEqual([1, '', `rollcall: there is no class ${nobodys}\n`]);
  });

  test.each([
    ['must be said', [], "missing required argument 'class'"],
    ['is said by its id', ['tajwid'], 'expected the id of a class'],
  ])('%s', async (_what, args, said) => {
    const { status, out, err } = await debug(...args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(said);
  });
});

test('none of them has left a connection open, for which its process would not end', () =>
  noConnectionIsLeft(database));
