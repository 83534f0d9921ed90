/** Meet tells late, in pieces, a lot at once, to somebody else or nothing: nobody is absent because of Google. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evidenceOf } from './evidence.ts';
import {
  everybodyComes,
  type Lesson,
  recordsOf,
  schedule,
  statuses,
  stay,
  untilSettled,
  untilStatus,
} from './lesson.ts';
import { POLICY, startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall({ ROLLCALL_RETRY_FOR_SECONDS: '24' });
});
afterAll(async () => {
  await rollcall?.stop();
});

/** Every status that a record of the class ever had, the latest version's last. */
async function everyVersion({ id }: Lesson): Promise<string[][]> {
  const versions: string[][] = [];
  for (let version = 1; ; version++) {
    const path = `/api/classes/${id}/attendance?version=${version}`;
    const { status, body } = await rollcall.call<{ records: { status: string }[] }>('GET', path);
    if (status === 404) return versions;
    versions.push(body.records.map((record) => record.status));
  }
}

test.concurrent('a conference that Meet tells of seconds after the class is waited for', async () => {
  const lesson = await schedule(rollcall, { seconds: 4 });
  await untilStatus(rollcall, lesson, 'reconciling');
  await everybodyComes(rollcall, lesson);
  expect(await untilSettled(rollcall, lesson)).toMatchObject({ status: 'completed', missing: [] });
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);
  const versions = await everyVersion(lesson);
  expect(versions[0]).toEqual(['unknown', 'unknown']);
  expect(versions.flat()).not.toContain('absent');
});

test.concurrent('an answer with fewer sessions than before takes nobody away', async () => {
  const lesson = await schedule(rollcall, { seconds: 6, students: 2 });
  const { record } = await everybodyComes(rollcall, lesson);
  await until('both students', async () => {
    const { events } = await evidenceOf(rollcall, lesson);
    return events.filter(({ kind }) => kind === 'joined').length === 3;
  });
  await rollcall.google.plantFault({ match: `${record}/participants\\?`, hide_rows: 2, for_seconds: 12 });
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'present', 'present']);
  for (const seen of await everyVersion(lesson)) expect(seen).not.toContain('absent');
});

test.concurrent('two conference records of one class are one attendance', async () => {
  const lesson = await schedule(rollcall, { seconds: 8 });
  const [student = ''] = lesson.students;
  const half = lesson.startMs + 4_000;
  const first = {
    end: half,
    participants: [stay(lesson, lesson.teacher, -1, 4), stay(lesson, student, 0, 4)],
  };
  await everybodyComes(rollcall, lesson, first);
  const second = { start: half, participants: [stay(lesson, lesson.teacher, 4), stay(lesson, student, 4)] };
  await everybodyComes(rollcall, lesson, second);
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  const records = await recordsOf(rollcall, lesson);
  expect(records.map(({ status, present_seconds: seconds }) => [status, seconds])).toEqual([
    ['present', 8],
    ['present', 8],
  ]);
});

test.concurrent('of 251 participants everybody is counted, however many pages that takes', async () => {
  const lesson = await schedule(rollcall, { startsIn: 6, seconds: 8, students: 250 });
  await everybodyComes(rollcall, lesson);
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  const seen = await statuses(rollcall, lesson);
  expect([seen.length, seen.filter((status) => status === 'present').length]).toEqual([251, 251]);
});

test.concurrent('no conference at all is not absence while Meet may still tell of one', async () => {
  const lesson = await schedule(rollcall, { seconds: 2 });
  const { status, missing } = await untilSettled(rollcall, lesson);
  expect([status, ...missing.map(({ code }) => code)]).toEqual([
    'incomplete',
    'meet_no_conference',
    'people_unknown',
  ]);
  expect(await statuses(rollcall, lesson)).toEqual(['unknown', 'unknown']);
});

test.concurrent('no conference at all is absence once it has been so for long enough', async () => {
  const name = 'patient-for-seconds';
  await rollcall.call('POST', '/api/policies', { ...POLICY, name, empty_settles_after_hours: 5 / 3_600 });
  const lesson = await schedule(rollcall, { seconds: 3, body: { policy: name } });
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  const records = await recordsOf(rollcall, lesson);
  expect(records.map(({ status, flags }) => [status, flags])).toEqual([
    ['absent', ['no_conference']],
    ['absent', ['no_conference']],
  ]);
});

test.concurrent('a space is read as the teacher who made it, also when another teaches', async () => {
  const lesson = await schedule(rollcall, { asksForSpace: true, startsIn: 12, seconds: 4 });
  const { students } = lesson;
  // Google shows the records to the organizer; to others the list is empty, as if nobody had come.
  await everybodyComes(rollcall, lesson, { participants: students.map((email) => stay(lesson, email)) });
  const substitute = `substitute-${lesson.teacher}`;
  const moved = await rollcall.call('PATCH', `/api/classes/${lesson.id}`, { teacher_email: substitute });
  expect(moved.status).toBe(200);
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  expect(await statuses(rollcall, { ...lesson, teacher: substitute })).toEqual(['absent', 'present']);
});

test.concurrent('what is fetched by hand after the settling is calculated at once', async () => {
  const lesson = await schedule(rollcall, { startsIn: 6, seconds: 4 });
  const { record } = await everybodyComes(rollcall, lesson, { participants: [stay(lesson, lesson.teacher)] });
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'absent']);
  const late = lesson.students.map((email) => stay(lesson, email));
  await rollcall.google.changeConference(record, { add_participants: late });
  const answer = await rollcall.call('POST', `/monitoring/sync-participants/${lesson.id}`);
  expect(answer).toMatchObject({ status: 200, body: { ok: true, participants: 2 } });
  expect((await recordsOf(rollcall, lesson)).map(({ status }) => status)).not.toContain('absent');
});
