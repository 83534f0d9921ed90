import { afterAll, beforeAll, expect, test } from 'vitest';
import { everybodyComes, recordsOf, schedule, statuses, stay, untilSettled } from './lesson.ts';
import { startTestRollcall, type TestRollcall } from './test-rollcall.ts';

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall();
});
afterAll(async () => {
  await rollcall?.stop();
});

test.concurrent('a space is read as the teacher who made it, also when another teaches', async () => {
  const lesson = await schedule(rollcall, { asksForSpace: true, startsIn: 5, seconds: 4 });
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
