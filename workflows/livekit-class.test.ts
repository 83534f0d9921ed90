/** The life of a LiveKit class, in skipped time. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readCalculation } from '../src/db/calculations.ts';
import { cancelClass, changeClass } from '../src/db/change-class.ts';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { appendEvents, type NewEvent } from '../src/ingest/append-events.ts';
import { classRow, storeClass } from '../src/temporal/test-class.ts';
import { AWAY, REFUSED } from '../src/temporal/test-livekit.ts';
import { type LiveKitClass, storeLiveKitClass, sweepsOf } from '../src/temporal/test-livekit-class.ts';
import { startTestTime, type TestTime } from '../src/temporal/test-time.ts';
import { LIVEKIT_QUEUE, MAIN_QUEUE } from './queues.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
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
  time.livekit.calls.length = 0;
  time.livekit.kept.length = 0;
  time.livekit.fault = null;
});

/** A class of forty minutes that begins in an hour. */
async function classIn(policy = 'itqan'): Promise<LiveKitClass> {
  const startMs = Math.ceil((await time.env.currentTimeMs()) / SECOND) * SECOND + HOUR;
  return await storeLiveKitClass(time.db, { startMs, policy });
}

function everybodyComes({ room, startMs, teacher, student }: LiveKitClass, untilMs: number): void {
  for (const identity of [teacher, student]) time.livekit.stay({ room, identity, fromMs: startMs, untilMs });
}

const until = async (atMs: number): Promise<void> =>
  time.env.sleep(Math.max(1, atMs - (await time.env.currentTimeMs())));

/** When an activity was begun, counted from `sinceMs`. */
const calls = (name: string, sinceMs: number): number[] =>
  time.calls.filter((call) => call.name === name).map(({ atMs }) => atMs - sinceMs);
const asked = (name: string): number => time.livekit.calls.filter((call) => call.name === name).length;

async function statuses(ref: ClassRef): Promise<Record<string, string>> {
  const calculation = await inTenant(time.db, ref.tenantId, (tx) => readCalculation(tx, ref));
  return Object.fromEntries((calculation?.people ?? []).map(({ role, status }) => [role, status]));
}

/** As the receiver stores it, before it rings. */
const told = (
  { ref }: LiveKitClass,
  event: Pick<NewEvent, 'kind' | 'atMs'> & Partial<NewEvent>,
): Promise<unknown> => {
  const { classId, tenantId } = ref;
  const sourceEventId = `${classId}/${event.kind}/${event.connection ?? ''}`;
  const row = { classId, source: 'livekit', sourceEventId, ...event };
  return inTenant(time.db, tenantId, (tx) => appendEvents(tx, tenantId, [row]));
};

test('the room is made at the opening, verified every two minutes and once after the end, and deleted when all have gone', async () => {
  const lesson = await classIn();
  const { ref, room, startMs, endMs } = lesson;
  everybodyComes(lesson, endMs + MINUTE);
  expect(await time.live(ref)).toBe('completed');
  expect(await statuses(ref)).toEqual({ teacher: 'present', student: 'present' });

  const [made, ...others] = calls('prepareRoom', startMs);
  expect(others).toEqual([]);
  expect(made).toBeGreaterThanOrEqual(-MINUTE);
  expect(made).toBeLessThan(0);
  expect(time.livekit.kept).toMatchObject([{ room }]);
  expect(time.livekit.kept[0]?.forSeconds).toBeGreaterThan((endMs - startMs) / SECOND + 60);

  // From the start to two minutes before the end, and at the end, which is no longer a look at a live class.
  const looks = calls('fetchParticipants', startMs).map((at) => Math.round(at / MINUTE));
  expect(looks).toEqual([...Array.from({ length: 20 }, (_, n) => 2 * n), 40]);
  expect(calls('reconcile', endMs).map((at) => Math.round(at / MINUTE))).toEqual([5]);
  const sweeps = await sweepsOf(time.db, ref);
  expect(sweeps).toHaveLength(22);
  expect(sweeps.every(({ ok }) => ok)).toBe(true);
  // Who stays on for a minute is not thrown out; the room is looked after once more before the grace ends.
  // At the end and 225 s after it; while an activity runs, skipped time goes on as real time does.
  expect(calls('deleteEmptyRoom', endMs).map((at) => Math.round(at / (15 * SECOND)))).toEqual([0, 15]);
  expect(sweeps.at(-1)?.roomExisted).toBe(false);
});

test('a bell while it is live has the room listed at once, and before the start does not take the place of the look at the start', async () => {
  const lesson = await classIn();
  const { ref, startMs } = lesson;
  const handle = await time.start(ref);
  await until(startMs - 10 * SECOND);
  await handle.signal('evidenceArrived');
  await until(startMs + 30 * SECOND);
  await handle.signal('evidenceArrived');
  await until(startMs + 3 * MINUTE);
  expect(calls('fetchParticipants', startMs).map((at) => Math.round(at / SECOND))).toEqual([-10, 0, 30, 150]);
  await handle.terminate();
});

test.each(['meet', 'whiteboard'] as const)(
  'a bell while a %s class is live is nothing to it',
  async (provider) => {
    const { startMs } = await classIn();
    const ref = await storeClass(time.db, { startMs, provider });
    const handle = await time.start(ref);
    await until(startMs + 30 * SECOND);
    const before = time.calls.length;
    await handle.signal('evidenceArrived');
    await until(startMs + MINUTE);
    expect(time.calls).toHaveLength(before);
    await handle.terminate();
  },
);

test('a room that closes in the overrun ends the class with the bell that tells of it', async () => {
  const lesson = await classIn('musa');
  const { ref, room, endMs } = lesson;
  everybodyComes(lesson, endMs + 3 * MINUTE);
  time.livekit.closeAt(room, endMs + 3 * MINUTE);
  const handle = await time.start(ref);
  await until(endMs + 3 * MINUTE + SECOND);
  expect((await classRow(time.db, ref)).status).toBe('open');
  for (const identity of [lesson.teacher, lesson.student]) {
    const connection = `PA_${identity}_${lesson.startMs}`;
    await told(lesson, {
      kind: 'left',
      atMs: endMs + 3 * MINUTE,
      connection,
      identity: identity.slice(0, 36),
    });
  }
  await told(lesson, { kind: 'room_closed', atMs: endMs + 3 * MINUTE, room: `RM_${room}_1` });
  await handle.signal('evidenceArrived');
  expect(await handle.result()).toBe('completed');
  const { endedAt, settledAt } = await classRow(time.db, ref);
  expect(Math.round(((endedAt?.getTime() ?? 0) - endMs) / SECOND)).toBe(181);
  // The grace is counted from there: nobody waits for the rest of the overrun.
  expect((settledAt?.getTime() ?? 0) - endMs).toBeLessThan(9 * MINUTE);
  expect(await statuses(ref)).toEqual({ teacher: 'present', student: 'present' });
});

test('without the bell the next look finds that the room has closed', async () => {
  const lesson = await classIn('musa');
  const { ref, room, endMs } = lesson;
  everybodyComes(lesson, endMs - 5 * MINUTE);
  time.livekit.closeAt(room, endMs + 3 * MINUTE);
  expect(await time.live(ref)).toBe('completed');
  const { endedAt } = await classRow(time.db, ref);
  expect(Math.round(((endedAt?.getTime() ?? 0) - endMs) / MINUTE)).toBe(4);
  expect(asked('create')).toBe(1);
});

test('a class to which nobody comes is watched until its counting window ends', async () => {
  const lesson = await classIn('musa');
  expect(await time.live(lesson.ref)).toBe('completed');
  expect(await statuses(lesson.ref)).toEqual({ teacher: 'absent', student: 'absent' });
  const { endedAt } = await classRow(time.db, lesson.ref);
  expect(Math.round(((endedAt?.getTime() ?? 0) - lesson.endMs) / MINUTE)).toBe(30);
  expect(calls('deleteEmptyRoom', lesson.endMs)).toHaveLength(1);
});

test('a room that is gone before the class is over is made again', async () => {
  const { ref, room, startMs } = await classIn();
  time.livekit.closeAt(room, startMs + 5 * MINUTE);
  const handle = await time.start(ref);
  await until(startMs + 9 * MINUTE);
  const [, again, ...others] = calls('prepareRoom', startMs).map((at) => Math.round(at / MINUTE));
  expect([again, others]).toEqual([6, []]);
  // The 34 minutes that are left, and a minute longer.
  expect(Math.round((time.livekit.kept[1]?.forSeconds ?? 0) / 60)).toBe(35);
  await handle.terminate();
});

test('the room of a class that is prolonged is kept longer', async () => {
  const { ref, startMs, endMs } = await classIn();
  const handle = await time.start(ref);
  await until(startMs + 30 * MINUTE);
  await inTenant(time.db, ref.tenantId, (tx) =>
    changeClass(tx, ref, { endMs: endMs + HOUR }, () => startMs + 30 * MINUTE),
  );
  await handle.signal('planChanged');
  await until(endMs + 10 * MINUTE);
  const made = calls('prepareRoom', endMs);
  expect(made).toHaveLength(2);
  // It was kept for a minute beyond the end that was, and missed by the look that followed.
  expect(made[1]).toBeLessThan(4 * MINUTE);
  const listed = await sweepsOf(time.db, ref);
  expect(listed.at(-1)?.roomExisted).toBe(true);
  await handle.terminate();
});

test('a cancelled class sends everybody out', async () => {
  const lesson = await classIn();
  const { ref, startMs, endMs } = lesson;
  everybodyComes(lesson, endMs);
  const handle = await time.start(ref);
  await until(startMs + 10 * MINUTE);
  await inTenant(time.db, ref.tenantId, (tx) =>
    cancelClass(tx, ref, 'The teacher is ill.', () => startMs + 10 * MINUTE),
  );
  await handle.signal('planChanged');
  expect(await handle.result()).toBe('cancelled');
  expect(asked('close')).toBe(1);
});

test('a listing that somebody asks for is made at once, on the queue of LiveKit', async () => {
  const lesson = await classIn();
  const { ref, room, startMs, endMs, teacher } = lesson;
  // Also before it is opened: somebody is early.
  time.livekit.stay({ room, identity: teacher, fromMs: startMs - 2 * HOUR, untilMs: endMs });
  const fetching = await time.env.client.workflow.start('fetchNow', {
    workflowId: `fetch/${ref.classId}`,
    taskQueue: MAIN_QUEUE,
    args: [{ ...ref, provider: 'livekit' }],
  });
  expect(await fetching.result()).toEqual({ ok: true, present: 1, participants: 1, conferences: 1 });
  const { events } = await fetching.fetchHistory();
  const queues = events?.map((event) => event.activityTaskScheduledEventAttributes?.taskQueue?.name);
  expect(queues).toContain(LIVEKIT_QUEUE);
});

test('while LiveKit is away nobody is taken for gone, and when it is back the class is settled', async () => {
  const lesson = await classIn();
  const { ref, endMs } = lesson;
  everybodyComes(lesson, endMs);
  const handle = await time.start(ref);
  await until(endMs - MINUTE);
  time.livekit.fault = AWAY;
  await until(endMs + 10 * MINUTE);
  const row = await classRow(time.db, ref);
  expect(row.status).toBe('reconciling');
  expect(row.missing.map(({ code }) => code)).toContain('livekit_not_ended');
  expect(row.captureProblem).toMatchObject({ code: 'unavailable' });
  expect(await statuses(ref)).toEqual({ teacher: 'present', student: 'present' });
  await until(endMs + HOUR);
  time.livekit.fault = null;
  expect(await handle.result()).toBe('completed');
  expect((await classRow(time.db, ref)).captureProblem).toBeNull();
});

test('when LiveKit never answers, the class is incomplete after seven days, nobody absent, and says why', async () => {
  const lesson = await classIn();
  const { ref, endMs } = lesson;
  everybodyComes(lesson, endMs);
  time.livekit.fault = REFUSED;
  expect(await time.live(ref)).toBe('incomplete');
  expect(await statuses(ref)).toEqual({ teacher: 'unknown', student: 'unknown' });
  const row = await classRow(time.db, ref);
  const missing = row.missing.map(({ code }) => code);
  expect(missing).toEqual(
    expect.arrayContaining(['livekit_not_ended', 'livekit_not_heard', 'people_unknown']),
  );
  expect(row.captureProblem).toMatchObject({ code: 'unauthenticated' });
  const attempts = calls('reconcile', endMs);
  expect(attempts.length).toBeGreaterThanOrEqual(1 + 12 + 22 + 24);
  expect(attempts.at(-1)).toBeGreaterThanOrEqual(7 * DAY);
  const sweeps = await sweepsOf(time.db, ref);
  // The room is asked for every minute, and no more once the class is over.
  const made = calls('prepareRoom', endMs);
  expect(made.length).toBeGreaterThan(40);
  expect(made.filter((at) => at > SECOND)).toEqual([]);
  // Twenty looks, one after the end, and every attempt.
  expect(sweeps).toHaveLength(21 + attempts.length);
  expect(sweeps.some(({ ok }) => ok)).toBe(false);
});

test('a class that is scheduled when it is over is settled by a log that is whole', async () => {
  const nowMs = await time.env.currentTimeMs();
  const startMs = nowMs - 2 * HOUR;
  const lesson = await storeLiveKitClass(time.db, { startMs, scheduledAtMs: nowMs });
  const { endMs, room } = lesson;
  await told(lesson, { kind: 'room_opened', atMs: startMs, room });
  for (const identity of [lesson.teacher, lesson.student].map((one) => one.slice(0, 36))) {
    const stay = { connection: identity, personId: identity, room };
    await told(lesson, { kind: 'joined', atMs: startMs, ...stay });
    await told(lesson, { kind: 'left', atMs: endMs, ...stay });
  }
  await told(lesson, { kind: 'room_closed', atMs: endMs, room });
  expect(await time.live(lesson.ref)).toBe('completed');
  expect(await statuses(lesson.ref)).toEqual({ teacher: 'present', student: 'present' });
  expect(asked('create')).toBe(0);
});
