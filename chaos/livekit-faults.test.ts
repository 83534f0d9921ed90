/** People join real LiveKit servers, and what can go wrong does; the test keeps its own record of who was there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Participants } from '../src/simulators/livekit/participants.ts';
import { evidenceOf } from './evidence.ts';
import { pollsOf, runsOf } from './history.ts';
import { type AttendanceRecord, classOf, recordsOf, untilSettled } from './lesson.ts';
import {
  at,
  type LiveKitStack,
  type LiveLesson,
  scheduleLive,
  secondsIn,
  startLiveKitStack,
  type Truth,
  VANISHED_VERIFY_SECONDS,
  VERIFY_SECONDS,
} from './livekit-stack.ts';
import { until } from './test-rollcall.ts';

const PATIENCE = 200_000;
/** On a busy machine it takes some seconds to come. */
const COME_SECONDS = -10;

/** Keeps what really happened beside what is done. */
function keeper(stack: LiveKitStack, lesson: LiveLesson) {
  const truth = new Map<string, Truth>(
    [lesson.teacher, ...lesson.students].map((email) => [email, { stays: [] }]),
  );
  return {
    truth,
    async comes(email: string, device?: string) {
      const people = await stack.join(lesson, email, device);
      const [{ sid: connection = '' } = {}] = people.all;
      const stay = { connection, fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY };
      truth.get(email)?.stays.push(stay);
      const ends = async (how: (people: Participants) => Promise<unknown>): Promise<void> => {
        stay.toMs = Date.now();
        await how(people);
      };
      return {
        people,
        leaves: () => ends((all) => all.leave()),
        dies: () => ends((all) => all.kill()),
        ends: (how: () => Promise<unknown>) => ends(how),
      };
    },
  };
}

/**
 * Nobody's minutes are off by more than one verification interval. Whoever's end within the lesson was not told carries the
 * mark, and nobody else; and whose end is only an estimate is unknown, but for whoever earned `present` by what is known.
 */
async function expectTruth(
  stack: LiveKitStack,
  lesson: LiveLesson,
  truth: Map<string, Truth>,
  withinSeconds = VERIFY_SECONDS,
): Promise<AttendanceRecord[]> {
  const { events } = await evidenceOf(stack.rollcall, lesson);
  const told = new Set(
    events.filter(({ kind }) => kind === 'left' || kind === 'aborted').map((event) => event.connection),
  );
  const records = await recordsOf(stack.rollcall, lesson);
  for (const [email, of] of truth) {
    const record = records.find((one) => one.email === email);
    // As in a record: whole seconds that were reached.
    const wanted = Math.floor(secondsIn(of, lesson));
    const seen = record?.present_seconds ?? Number.NaN;
    expect(
      Math.abs(seen - wanted),
      `${email}: ${seen} s, in truth ${wanted} s; ${JSON.stringify(record)}`,
    ).toBeLessThanOrEqual(withinSeconds);
    const untold = of.stays.some(({ connection, toMs }) => toMs < lesson.endMs && !told.has(connection));
    const { flags = [], status = '' } = record ?? {};
    const marked = flags.some((flag) => ['inferred', 'estimated', 'open'].includes(flag));
    expect(marked, `${email} is marked because an end was not told; ${JSON.stringify(record)}`).toBe(untold);
    // What no webhook told of, the listings healed; and nothing that was told is said to be healed.
    const missed = of.stays.some(
      ({ connection }) => !events.some((event) => event.connection === connection),
    );
    if (missed) expect(flags, email).toContain('reconciled');
    const whole = of.stays.every(
      ({ connection }) =>
        events.some((event) => event.connection === connection && event.kind === 'joined') &&
        told.has(connection),
    );
    if (whole) expect(flags, email).not.toContain('reconciled');
    const guessed = flags.some((flag) => ['estimated', 'open'].includes(flag));
    if (guessed) expect(['unknown', 'present'], `${email} is known for what is estimated`).toContain(status);
  }
  return records;
}

/** Resolves when the next listing of its room is on record. */
async function untilLooked({ rollcall }: LiveKitStack, lesson: LiveLesson): Promise<void> {
  const fromMs = Date.now();
  await until('the next look into the room', async () => {
    const { sweeps } = await evidenceOf(rollcall, lesson);
    return sweeps.some(({ at, ok }) => ok && at.getTime() >= fromMs);
  });
}

/**
 * Present is who was there for more than 75 % (product §5, itqan), also when four seconds of it are not known. How long it
 * takes somebody to come is the machine's business: on a slow one it may be less.
 */
function isSurelyPresent(of: Truth | undefined, lesson: LiveLesson): boolean {
  if (of === undefined) throw new Error('no truth was recorded of them');
  return secondsIn(of, lesson) - 4 > ((lesson.endMs - lesson.startMs) / 1_000) * 0.75;
}

const statusOf = (records: AttendanceRecord[], email: string | undefined) =>
  records.find((one) => one.email === email)?.status;

describe.concurrent('on a LiveKit that works', () => {
  let stack: LiveKitStack;
  beforeAll(async () => {
    stack = await startLiveKitStack();
  });
  afterAll(() => stack?.stop());

  test('who joins, stays and leaves is present for that long, and history does not grow with it', {
    timeout: PATIENCE,
  }, async () => {
    const lesson = await scheduleLive(stack, { seconds: 60 });
    const { comes, truth } = keeper(stack, lesson);
    const [first = '', second = ''] = lesson.students;
    await at(lesson, COME_SECONDS);
    const [teacher, student] = await Promise.all([comes(lesson.teacher), comes(first)]);
    // Less than half of it, and enough however slowly they came.
    await at(lesson, 28);
    await student.leaves();
    await at(lesson, 61);
    await teacher.leaves();
    const { status } = await untilSettled(stack.rollcall, lesson);
    const records = await expectTruth(stack, lesson, truth);
    expect(status).toBe('completed');
    expect([lesson.teacher, first, second].map((email) => statusOf(records, email))).toEqual([
      'present',
      'partial',
      'absent',
    ]);
    expect(records.flatMap(({ flags }) => flags)).toEqual([]);
    const runs = await runsOf(stack.rollcall, lesson);
    const polls = runs.flatMap(pollsOf).length;
    const bells = runs.reduce((sum, run) => sum + run.bells, 0);
    expect(runs.reduce((sum, run) => sum + run.events, 0)).toBeLessThanOrEqual(12 * polls + 5 * bells + 60);
  });

  test('who leaves and comes back was there twice', { timeout: PATIENCE }, async () => {
    const lesson = await scheduleLive(stack, { seconds: 90, students: 1 });
    const { comes, truth } = keeper(stack, lesson);
    const [student = ''] = lesson.students;
    await at(lesson, COME_SECONDS);
    const [teacher, once] = await Promise.all([comes(lesson.teacher), comes(student)]);
    await at(lesson, 10);
    await once.leaves();
    await at(lesson, 15);
    const again = await comes(student);
    await at(lesson, 90.5);
    await Promise.all([again.leaves(), teacher.leaves()]);
    await untilSettled(stack.rollcall, lesson);
    const records = await expectTruth(stack, lesson, truth);
    expect(statusOf(records, student)).toMatch(/present|late/);
  });

  test('a second device neither throws out the first nor counts twice', { timeout: PATIENCE }, async () => {
    const lesson = await scheduleLive(stack, { seconds: 45, students: 1 });
    const { comes, truth } = keeper(stack, lesson);
    const [student = ''] = lesson.students;
    await at(lesson, COME_SECONDS);
    const [teacher, web] = await Promise.all([comes(lesson.teacher), comes(student, 'web')]);
    await at(lesson, 8);
    const phone = await comes(student, 'phone');
    await at(lesson, 16);
    expect(await stack.rooms.listParticipants(lesson.room)).toHaveLength(3);
    await web.leaves();
    await at(lesson, 45.5);
    await Promise.all([phone.leaves(), teacher.leaves()]);
    await untilSettled(stack.rollcall, lesson);
    const records = await expectTruth(stack, lesson, truth);
    expect(records.find(({ email }) => email === student)?.present_seconds).toBeLessThanOrEqual(45);
    expect(statusOf(records, student)).toMatch(/present|late/);
  });

  test('a device that comes under the name of the first throws it out, and its person was there all the time', {
    timeout: PATIENCE,
  }, async () => {
    // Of Itqan itself, whose bridge is far longer than the second to which LiveKit rounds the end of the first.
    const lesson = await scheduleLive(stack, { seconds: 30, students: 1, body: { policy: 'itqan' } });
    const { comes, truth } = keeper(stack, lesson);
    const [student = ''] = lesson.students;
    await at(lesson, COME_SECONDS);
    const [teacher, first] = await Promise.all([comes(lesson.teacher), comes(student, 'web')]);
    await at(lesson, 10);
    const second = await comes(student, 'web');
    await first.ends(async () =>
      expect((await first.people.all[0]?.closed)?.reason).toBe('DUPLICATE_IDENTITY'),
    );
    await at(lesson, 22);
    await second.leaves();
    await at(lesson, 31);
    await teacher.leaves();
    await untilSettled(stack.rollcall, lesson);
    const records = await expectTruth(stack, lesson, truth);
    const { events } = await evidenceOf(stack.rollcall, lesson);
    expect(events.map(({ reason }) => reason)).toContain('DUPLICATE_IDENTITY');
    const record = records.find(({ email }) => email === student);
    // On a busy machine the first may come after the start.
    const fromMs = Math.max(lesson.startMs, Date.parse(record?.first_join ?? ''));
    const leftMs = Date.parse(record?.last_leave ?? '');
    expect(record).toMatchObject({
      interruptions: 0,
      present_seconds: Math.floor((leftMs - fromMs) / 1_000),
    });
    expect(record?.bridged_seconds).toBeLessThanOrEqual(2);
  });

  test('who vanishes without a word is missed by LiveKit, and was there until then at most', {
    timeout: PATIENCE,
  }, async () => {
    const body = { verify_seconds: VANISHED_VERIFY_SECONDS };
    const lesson = await scheduleLive(stack, { seconds: 60, students: 1, body });
    const { comes, truth } = keeper(stack, lesson);
    await at(lesson, COME_SECONDS);
    const [teacher, student] = await Promise.all([comes(lesson.teacher), comes(lesson.students[0] ?? '')]);
    await at(lesson, 15);
    await student.dies();
    await at(lesson, 60.5);
    await teacher.leaves();
    await untilSettled(stack.rollcall, lesson);
    await expectTruth(stack, lesson, truth, VANISHED_VERIFY_SECONDS);
  });

  test('who is removed is gone from then on', { timeout: PATIENCE }, async () => {
    const lesson = await scheduleLive(stack, { seconds: 30, students: 1 });
    const { comes, truth } = keeper(stack, lesson);
    await at(lesson, COME_SECONDS);
    const [teacher, student] = await Promise.all([comes(lesson.teacher), comes(lesson.students[0] ?? '')]);
    await at(lesson, 12);
    const [{ identity = '' } = {}] = student.people.all;
    await student.ends(() => stack.rooms.removeParticipant(lesson.room, identity));
    await at(lesson, 30.5);
    await teacher.leaves();
    await untilSettled(stack.rollcall, lesson);
    await expectTruth(stack, lesson, truth);
    const { events } = await evidenceOf(stack.rollcall, lesson);
    expect(events.map(({ reason }) => reason)).toContain('PARTICIPANT_REMOVED');
  });

  test('a room that is deleted throws everybody out', { timeout: PATIENCE }, async () => {
    const lesson = await scheduleLive(stack, { seconds: 60, students: 1 });
    const { comes, truth } = keeper(stack, lesson);
    await at(lesson, COME_SECONDS);
    const [teacher, student] = await Promise.all([comes(lesson.teacher), comes(lesson.students[0] ?? '')]);
    await at(lesson, 30);
    await Promise.all([
      teacher.ends(async () => {}),
      student.ends(() => stack.rooms.deleteRoom(lesson.room)),
    ]);
    await untilSettled(stack.rollcall, lesson);
    const records = await expectTruth(stack, lesson, truth);
    expect(records.map(({ status }) => status)).not.toContain('absent');
  });

  test('a class that is cancelled closes its room', { timeout: PATIENCE }, async () => {
    const lesson = await scheduleLive(stack, { seconds: 60, students: 1 });
    await at(lesson, 0);
    const people = await stack.join(lesson, lesson.teacher);
    const cancelled = await stack.rollcall.call('POST', `/api/classes/${lesson.id}/cancel`, {
      reason: 'The teacher is ill.',
    });
    expect([cancelled.status, cancelled.body]).toMatchObject([200, { status: 'cancelled' }]);
    await until('the end of the workflow', async () => {
      const { settled_at: settled, capture_problem: problem } = await classOf(stack.rollcall, lesson);
      expect(problem).toBeNull();
      return settled;
    });
    expect((await people.all[0]?.closed)?.reason).toMatch(/ROOM_DELETED/);
  });
});

describe.concurrent('when a part is away', () => {
  test('a LiveKit that is killed and comes back: people come again, and their minutes are right or said to be unknown', {
    timeout: PATIENCE,
  }, async ({ onTestFinished }) => {
    const stack = await startLiveKitStack();
    onTestFinished(() => stack.stop());
    const lesson = await scheduleLive(stack, { seconds: 60, students: 1 });
    // Looked at so often that LiveKit is away for far longer than a look may say until when people were there. And it lasts
    // so long that whoever is gone with LiveKit has not earned `present` by then, however slowly everybody came.
    const watched = await scheduleLive(stack, { seconds: 100, students: 1, body: { verify_seconds: 2 } });
    const { comes, truth } = keeper(stack, lesson);
    const { comes: watchedComes, truth: watchedTruth } = keeper(stack, watched);
    const [student = ''] = lesson.students;
    const [gone = ''] = watched.students;
    await at(lesson, COME_SECONDS);
    const first = await Promise.all([
      comes(lesson.teacher),
      comes(student),
      watchedComes(watched.teacher),
      watchedComes(gone),
    ]);
    await at(lesson, 15);
    await untilLooked(stack, lesson);
    // Far from the next look, which LiveKit does not live to see.
    await sleep(5_000);
    await stack.killLivekit();
    await Promise.all(first.map((one) => one.dies()));
    await sleep(7_000);
    await stack.restartLivekit();
    const second = await Promise.all([comes(lesson.teacher), comes(student)]);
    const watching = await watchedComes(watched.teacher);
    await at(lesson, 60.5);
    await Promise.all(second.map((one) => one.leaves()));
    await at(watched, 100.5);
    await watching.leaves();
    await Promise.all([lesson, watched].map((one) => untilSettled(stack.rollcall, one)));
    const records = await expectTruth(stack, lesson, truth);
    expect(records.map(({ status }) => status)).not.toContain('absent');

    const watchedRecords = await expectTruth(stack, watched, watchedTruth);
    for (const { flags } of watchedRecords) expect(flags).toContain('estimated');
    const teacher = isSurelyPresent(watchedTruth.get(watched.teacher), watched)
      ? ['present']
      : ['present', 'unknown'];
    expect(teacher).toContain(statusOf(watchedRecords, watched.teacher));
    expect(statusOf(watchedRecords, gone)).toBe('unknown');
    expect((await classOf(stack.rollcall, watched)).status).toBe('incomplete');
  });

  test.for([20, 60])(
    'a receiver that is down for %i s loses nobody',
    { timeout: PATIENCE },
    async (seconds, { onTestFinished }) => {
      const stack = await startLiveKitStack();
      onTestFinished(() => stack.stop());
      const lesson = await scheduleLive(stack, { seconds: seconds + 45, students: 2 });
      const { comes, truth } = keeper(stack, lesson);
      const [early = '', late = ''] = lesson.students;
      await at(lesson, COME_SECONDS);
      const [teacher, leaving] = await Promise.all([comes(lesson.teacher), comes(early)]);
      await at(lesson, 5);
      await stack.door.shut();
      await sleep(2_000);
      const coming = await comes(late);
      await sleep(1_000);
      await leaving.leaves();
      await at(lesson, 5 + seconds);
      await stack.door.open();
      await at(lesson, seconds + 45.5);
      await Promise.all([teacher.leaves(), coming.leaves()]);
      await untilSettled(stack.rollcall, lesson);
      const records = await expectTruth(stack, lesson, truth);
      for (const email of [lesson.teacher, late]) {
        const expected = isSurelyPresent(truth.get(email), lesson) ? ['present'] : ['present', 'late'];
        expect(expected, email).toContain(statusOf(records, email));
      }
      expect(statusOf(records, early)).not.toBe('present');
    },
  );

  test('a receiver that is slow loses nobody', { timeout: PATIENCE }, async ({ onTestFinished }) => {
    const stack = await startLiveKitStack();
    onTestFinished(() => stack.stop());
    stack.door.slow(3_000);
    const lesson = await scheduleLive(stack, { seconds: 45, students: 1 });
    const { comes, truth } = keeper(stack, lesson);
    await at(lesson, COME_SECONDS);
    const [teacher, student] = await Promise.all([comes(lesson.teacher), comes(lesson.students[0] ?? '')]);
    await at(lesson, 30);
    await student.leaves();
    await at(lesson, 45.5);
    await teacher.leaves();
    await untilSettled(stack.rollcall, lesson);
    const records = await expectTruth(stack, lesson, truth);
    expect(records.map(({ status }) => status)).not.toContain('absent');
  });
});
