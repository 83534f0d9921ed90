import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readCalculation } from '../src/db/calculations.ts';
import { changeClass, raisePlan } from '../src/db/change-class.ts';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import type { ClassWorkflows } from '../src/temporal/class-workflows.ts';
import { sweep } from '../src/temporal/sweeper.ts';
import { classRow, STUDENT, storeClass, TEACHER } from '../src/temporal/test-class.ts';
import { startTestTime, type TestTime } from '../src/temporal/test-time.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let time: TestTime;
beforeAll(async () => {
  time = await startTestTime();
});
afterAll(async () => {
  await time?.stop();
});
beforeEach(() => {
  time.calls.length = 0;
});

async function statuses(ref: ClassRef): Promise<Record<string, string>> {
  const calculation = await inTenant(time.db, ref.tenantId, (tx) => readCalculation(tx, ref));
  return Object.fromEntries((calculation?.people ?? []).map(({ role, status }) => [role, status]));
}
const attemptsAfter = (sinceMs: number): number[] =>
  time.calls.filter(({ name }) => name === 'reconcile').map(({ atMs }) => atMs - sinceMs);

/** A class that begins in an hour; Meet tells what happened only `lateMs` after it did. */
async function classWith(lateMs: number | null): Promise<{ ref: ClassRef; startMs: number; endMs: number }> {
  const startMs = Math.ceil((await time.env.currentTimeMs()) / 1_000) * 1_000 + HOUR;
  const endMs = startMs + 40 * MINUTE;
  const space = await time.meet.control.addSpace({ owner: TEACHER });
  const ref = await storeClass(time.db, { startMs, endMs, meetingCode: space.meetingCode });
  if (lateMs !== null) {
    const sessions = [{ start: startMs, end: endMs }];
    await time.meet.control.addConference({
      space: space.name,
      end: endMs,
      late_by_seconds: lateMs / 1_000,
      participants: [
        { kind: 'signed_in', email: TEACHER, sessions },
        { kind: 'signed_in', email: STUDENT, sessions },
      ],
    });
  }
  return { ref, startMs, endMs };
}

test('data that comes in time settles the class when the grace is over', async () => {
  const { ref, endMs } = await classWith(0);
  expect(await time.live(ref)).toBe('completed');
  expect(await statuses(ref)).toEqual({ teacher: 'present', student: 'present' });
  expect(attemptsAfter(endMs)).toHaveLength(1);
});

test('data that comes on the first day settles the class with the attempt that follows', async () => {
  const { ref, endMs } = await classWith(DAY);
  expect(await time.live(ref)).toBe('completed');
  expect(await statuses(ref)).toEqual({ teacher: 'present', student: 'present' });
  const settled = (await classRow(time.db, ref)).settledAt?.getTime() ?? 0;
  expect(settled - endMs).toBeGreaterThan(DAY);
  // Two attempts must agree; by then they are six hours apart.
  expect(settled - endMs).toBeLessThan(DAY + 13 * HOUR);
});

test('data that comes on the sixth day is still in time', async () => {
  const { ref } = await classWith(6 * DAY);
  expect(await time.live(ref)).toBe('completed');
  expect(await statuses(ref)).toEqual({ teacher: 'present', student: 'present' });
});

test('a conference that never was settles as absent, flagged, after 160 hours', async () => {
  const { ref, endMs } = await classWith(null);
  expect(await time.live(ref)).toBe('completed');
  expect(await statuses(ref)).toEqual({ teacher: 'absent', student: 'absent' });
  const settled = (await classRow(time.db, ref)).settledAt?.getTime() ?? 0;
  expect(settled - endMs).toBeGreaterThanOrEqual(160 * HOUR);
});

test('when Meet never answers, the seven days are lived through by plan and the class is incomplete, nobody absent', async () => {
  const { ref, endMs } = await classWith(0);
  await time.meet.control.plantFault({ match: 'conferenceRecords', status: 403, message: 'no permission' });
  try {
    expect(await time.live(ref)).toBe('incomplete');
  } finally {
    await time.meet.control.clearFaults();
  }
  expect(await statuses(ref)).toEqual({ teacher: 'unknown', student: 'unknown' });
  const row = await classRow(time.db, ref);
  expect(row.missing.map(({ code }) => code)).toContain('meet_no_answer');
  expect(row.captureProblem).toMatchObject({ code: 'forbidden' });
  // The first calculation when the grace is over, then every attempt of the plan, the last when the days end.
  const attempts = attemptsAfter(endMs);
  expect(attempts.length).toBeGreaterThanOrEqual(1 + 12 + 22 + 24);
  expect(attempts.length).toBeLessThanOrEqual(1 + 12 + 22 + 25);
  const last = attempts.at(-1) ?? 0;
  expect(last).toBeGreaterThanOrEqual(7 * DAY);
  expect(last).toBeLessThan(7 * DAY + MINUTE);
});

test('evidence that is told about cuts a wait of hours short', async () => {
  const { ref, endMs } = await classWith(3 * DAY + HOUR / 2);
  const handle = await time.start(ref);
  const sinceMs = await time.env.currentTimeMs();
  await time.env.sleep(endMs - sinceMs + 3 * DAY + HOUR);
  const before = attemptsAfter(endMs).length;
  // Two answers must agree, a fifth of the grace apart.
  await handle.signal('evidenceArrived');
  await time.env.sleep(2 * MINUTE);
  await handle.signal('evidenceArrived');
  await time.env.sleep(MINUTE);
  expect(attemptsAfter(endMs).length).toBe(before + 2);
  expect(await handle.result()).toBe('completed');
  expect((await classRow(time.db, ref)).settledAt?.getTime()).toBeLessThan(endMs + 3 * DAY + 2 * HOUR);
});

test('evidence that Temporal did not hear of cuts the wait short when the sweeper comes by', async () => {
  const { ref, endMs } = await classWith(null);
  const handle = await time.start(ref);
  await time.env.sleep(endMs - (await time.env.currentTimeMs()) + DAY + HOUR);
  const before = attemptsAfter(endMs).length;
  await inTenant(time.db, ref.tenantId, (tx) => raisePlan(tx, ref));
  const bells = { plan: 'planChanged', evidence: 'evidenceArrived' };
  const workflows: ClassWorkflows = {
    start: async () => 'already_started',
    async ring({ classId }, bell) {
      if (classId === ref.classId) await handle.signal(bells[bell]);
      return true;
    },
    fetchNow: () => Promise.reject(new Error('not here')),
    startDelivery: () => Promise.reject(new Error('not here')),
    isReachable: async () => true,
    close: async () => {},
  };
  await sweep({ db: time.db, workflows, log: pino({ level: 'silent' }) });
  await time.env.sleep(MINUTE);
  expect(attemptsAfter(endMs)).toHaveLength(before + 1);
  await handle.terminate();
});

test('a class that is moved by a month sleeps a month longer and opens once', async () => {
  const { ref, startMs, endMs } = await classWith(null);
  const handle = await time.start(ref);
  await time.env.sleep(MINUTE);
  const monthMs = 30 * DAY;
  await inTenant(time.db, ref.tenantId, (tx) =>
    changeClass(tx, ref, { startMs: startMs + monthMs, endMs: endMs + monthMs }, () => startMs - HOUR),
  );
  await handle.signal('planChanged');
  await time.env.sleep(29 * DAY);
  expect(time.calls.map(({ name }) => name)).not.toContain('openSession');
  await time.env.sleep(DAY + HOUR);
  const opened = time.calls.filter(({ name }) => name === 'openSession').map(({ atMs }) => atMs);
  expect(opened).toHaveLength(1);
  expect(opened[0]).toBeLessThan(startMs + monthMs);
  expect(opened[0]).toBeGreaterThanOrEqual(startMs + monthMs - MINUTE);
  await handle.terminate();
});
