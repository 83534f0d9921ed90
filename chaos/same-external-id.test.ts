/** The scheduling system repeats itself: its own id of a class stands for one class and one workflow. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workflowsOf } from './history.ts';
import { type Lesson, lessonRequest } from './lesson.ts';
import { startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall();
});
afterAll(async () => {
  await rollcall?.stop();
});

const request = () => lessonRequest({ startsIn: 3_600, body: { external_id: randomUUID() } });
const send = (body: unknown) =>
  rollcall.call<{ class_id: string; differences?: { field: string }[] }>('POST', '/api/schedule/class', body);
const lessonOf = (id: string): Lesson => ({ id, startMs: 0, endMs: 0, teacher: '', students: [] });
const untilListed = (id: string) =>
  until('the workflow', async () => (await workflowsOf(rollcall, lessonOf(id))) || null);

test.concurrent('the same request again is answered with the class that is there', async () => {
  const body = request();
  const first = await send(body);
  const again = await send({ ...body, student_emails: body.student_emails.toReversed() });
  expect([first.status, again.status]).toEqual([201, 200]);
  expect(again.body.class_id).toBe(first.body.class_id);
  expect(await untilListed(first.body.class_id)).toBe(1);
});

test.concurrent('of twenty at once one makes the class and nineteen find it', async () => {
  const body = request();
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(body)));
  const created = answers.filter(({ status }) => status === 201);
  expect(created).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
  const ids = new Set(answers.map((answer) => answer.body.class_id));
  expect(ids.size).toBe(1);
  const [id = ''] = ids;
  expect(await untilListed(id)).toBe(1);
});

test.concurrent('another request under the same id is refused and says what differs', async () => {
  const body = request();
  const first = await send(body);
  const other = await send({ ...body, subject: 'Geometry', duration_seconds: 600 });
  expect(other.status).toBe(409);
  expect(other.body.class_id).toBe(first.body.class_id);
  expect(other.body.differences?.map(({ field }) => field)).toEqual(['end_time', 'subject']);
});

test.concurrent('of two different requests at once one is refused', async () => {
  const body = request();
  const answers = await Promise.all([send(body), send({ ...body, subject: 'Geometry' })]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
});
