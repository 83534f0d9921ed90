/** Evidence that comes when the class is over, and classes that are scheduled when they are. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evidenceOf } from './evidence.ts';
import { runsOf, workflowsOf } from './history.ts';
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
import { startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

const SOURCE = 'door-counter';

let rollcall: TestRollcall;
beforeAll(async () => {
  // Between two attempts there is time enough to see whether news is waited for.
  rollcall = await startTestRollcall({
    ROLLCALL_RETRY_SECONDS: '3600',
    ROLLCALL_RETRY_FOR_SECONDS: '36000',
  });
  await rollcall.call('POST', '/api/sources', { name: SOURCE, kind: 'in_call' });
});
afterAll(async () => {
  await rollcall?.stop();
});

/** Everybody of the lesson from its start to its end, as another source tells it. */
async function importStays(lesson: Lesson): Promise<void> {
  const events = [lesson.teacher, ...lesson.students].flatMap((email) => [
    { source_event_id: `${email} in`, kind: 'joined', at: iso(lesson.startMs), connection_id: email, email },
    { source_event_id: `${email} out`, kind: 'left', at: iso(lesson.endMs), connection_id: email, email },
  ]);
  const body = { source: SOURCE, complete: true, events };
  const answer = await rollcall.call('POST', `/api/classes/${lesson.id}/events`, body);
  expect([answer.status, answer.body]).toEqual([200, { accepted: 4, duplicate: 0, rejected: [] }]);
}
const iso = (ms: number): string => new Date(ms).toISOString();

test.concurrent('a class that waits for nobody but an unknown student is settled by a mark', async () => {
  const code = 'abc-mark-xyz';
  const teacher = 'marks@school.example';
  await rollcall.google.addSpace({ owner: teacher, meeting_code: code });
  const lesson = await schedule(rollcall, {
    startsIn: -20,
    seconds: 10,
    body: { teacher_email: teacher, meeting_code: code, grace_seconds: 0 },
  });
  const there = stay(lesson, teacher);
  const guest = { kind: 'anonymous' as const, display_name: 'iPad', sessions: there.sessions };
  await everybodyComes(rollcall, lesson, { participants: [there, guest] });
  const waiting = await untilStatus(rollcall, lesson, 'reconciling');
  expect(waiting.missing.map(({ code }) => code)).toEqual(['people_unknown']);
  const marked = await rollcall.call('PUT', `/api/tutor/sessions/${lesson.id}/attendance`, {
    student_attendance_status: 'absent',
  });
  expect(marked.status).toBe(200);
  // Its next attempt by itself would be in an hour.
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'absent']);
});

test.concurrent("a class scheduled after the fact is settled from Meet's data at once", async () => {
  const code = 'abc-mnop-xyz';
  const teacher = 'past@school.example';
  await rollcall.google.addSpace({ owner: teacher, meeting_code: code });
  const lesson = await schedule(rollcall, {
    startsIn: -20,
    seconds: 10,
    body: { teacher_email: teacher, meeting_code: code, grace_seconds: 0 },
  });
  await everybodyComes(rollcall, lesson);
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);
  const names = (await runsOf(rollcall, lesson)).flatMap(({ activities }) =>
    activities.map(({ name }) => name),
  );
  expect(names).not.toContain('openSession');
});

test.concurrent('a class scheduled after the fact waits for evidence when there is none', async () => {
  const lesson = await schedule(rollcall, { startsIn: -20, seconds: 10 });
  await untilStatus(rollcall, lesson, 'reconciling');
  expect(await statuses(rollcall, lesson)).toEqual(['unknown', 'unknown']);
  await importStays(lesson);
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);
  expect(await workflowsOf(rollcall, lesson)).toBe(1);
});

test.concurrent('evidence of a complete source cuts the wait short and settles the class', async () => {
  const lesson = await schedule(rollcall, { startsIn: 1, seconds: 3 });
  await untilStatus(rollcall, lesson, 'reconciling');
  await importStays(lesson);
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  const records = await recordsOf(rollcall, lesson);
  expect(records.map(({ status, is_final }) => [status, is_final])).toEqual([
    ['present', true],
    ['present', true],
  ]);
  expect((await runsOf(rollcall, lesson)).reduce((sum, { bells }) => sum + bells, 0)).toBe(1);
});

test.concurrent('a class that waits for a guest to be known is settled when he is dismissed', async () => {
  const lesson = await schedule(rollcall, { startsIn: 6, seconds: 5 });
  const guest = `Guest of ${lesson.id}`;
  const sessions = [{ start: lesson.startMs, end: lesson.endMs + 500 }];
  await everybodyComes(rollcall, lesson, {
    participants: [stay(lesson, lesson.teacher), { kind: 'anonymous', display_name: guest, sessions }],
  });
  await untilStatus(rollcall, lesson, 'reconciling');
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'unknown']);
  const queue = await rollcall.call<{ items: { id: string; display_name: string }[] }>(
    'GET',
    '/api/identities?state=unmatched',
  );
  const found = queue.body.items.find(({ display_name: name }) => name === guest);
  const answer = await rollcall.call('POST', `/api/identities/${found?.id}/dismiss`);
  expect(answer.status).toBe(200);
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'absent']);
});

test.concurrent('evidence that comes after settling makes a new version and settles nothing anew', async () => {
  const lesson = await schedule(rollcall, { startsIn: 6, seconds: 5 });
  await everybodyComes(rollcall, lesson, { participants: [stay(lesson, lesson.teacher)] });
  await untilSettled(rollcall, lesson);
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'absent']);
  const before = (await evidenceOf(rollcall, lesson)).calculations.length;
  await importStays(lesson);
  await until('a new version', async () => (await evidenceOf(rollcall, lesson)).calculations.length > before);
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);
  expect(await workflowsOf(rollcall, lesson)).toBe(1);
});
