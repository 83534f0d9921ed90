/** A class is asked for again, or moved in any phase of its life, and has one workflow all along. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evidenceOf } from './evidence.ts';
import { ring, workflowsOf } from './history.ts';
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
import { startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall({ ROLLCALL_RETRY_FOR_SECONDS: '12' });
});
afterAll(async () => {
  await rollcall?.stop();
});

const HOUR = 3_600;

/** Seconds from now. */
const at = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();

async function change(lesson: Lesson, body: Record<string, string>): Promise<Lesson> {
  const answer = await rollcall.call<{ start_time: string; end_time: string }>(
    'PATCH',
    `/api/classes/${lesson.id}`,
    body,
  );
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  const { start_time, end_time } = answer.body;
  return { ...lesson, startMs: Date.parse(start_time), endMs: Date.parse(end_time) };
}

/** Everybody who comes at the new hour is present, and there was one workflow all along. */
async function takesPlace(lesson: Lesson): Promise<void> {
  const { status, ended_at: ended } = await untilSettled(rollcall, lesson);
  expect(status).toBe('completed');
  expect(Date.parse(ended ?? '')).toBeGreaterThanOrEqual(lesson.endMs);
  expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);
  expect(await workflowsOf(rollcall, lesson)).toBe(1);
}

describe.concurrent('a class that is moved', () => {
  describe('while the workflow sleeps', () => {
    test('a class that is moved to an earlier hour is opened then', async () => {
      const moved = await change(await schedule(rollcall, { asksForSpace: true, startsIn: HOUR }), {
        start_time: at(10),
      });
      expect(moved.endMs - moved.startMs).toBe(6_000);
      await everybodyComes(rollcall, moved);
      await takesPlace(moved);
    });

    test('a class that is moved to a later hour is not opened before', async () => {
      const lesson = await schedule(rollcall, { startsIn: 9 });
      const moved = await change(lesson, { start_time: at(16) });
      await everybodyComes(rollcall, moved);
      await untilStatus(rollcall, moved, 'open', 'active');
      expect(Date.now()).toBeGreaterThan(moved.startMs - 1_000);
      await takesPlace(moved);
    });

    test('a class that is moved to this instant begins', async () => {
      const moved = await change(await schedule(rollcall, { startsIn: HOUR }), { start_time: at(0) });
      await everybodyComes(rollcall, moved);
      const { status } = await untilSettled(rollcall, moved);
      expect([status, await workflowsOf(rollcall, moved)]).toEqual(['completed', 1]);
    });

    test('a class that was opened goes back to scheduled when it is moved beyond its lead', async () => {
      // The lead is long, so that the class is open for some seconds wherever in its share the opening falls.
      const lesson = await schedule(rollcall, { startsIn: 12, seconds: 4, body: { open_lead_seconds: 20 } });
      await untilStatus(rollcall, lesson, 'open');
      const moved = await change(lesson, { start_time: at(22) });
      const { status, opened_at: opened } = await classOf(rollcall, moved);
      expect([status, opened]).toEqual(['scheduled', null]);
      await everybodyComes(rollcall, moved);
      await untilStatus(rollcall, moved, 'open');
      expect(Date.now()).toBeGreaterThan(moved.startMs - 20_000);
      await takesPlace(moved);
    });
  });

  describe('while the class is live', () => {
    test('its end can be put off', async () => {
      const lesson = await schedule(rollcall, { seconds: 10 });
      await untilStatus(rollcall, lesson, 'active');
      const moved = await change(lesson, { end_time: new Date(lesson.endMs + 4_000).toISOString() });
      await everybodyComes(rollcall, moved);
      await takesPlace(moved);
    });

    test('it can be ended now', async () => {
      const lesson = await schedule(rollcall, { startsIn: 2, seconds: HOUR });
      await everybodyComes(rollcall, lesson, { end: null });
      await untilStatus(rollcall, lesson, 'active');
      const moved = await change(lesson, { end_time: at(0) });
      const { ended_at: ended } = await untilStatus(rollcall, moved, 'ended', 'reconciling');
      expect(Date.parse(ended ?? '')).toBeLessThan(Date.now() + 1);
      await untilSettled(rollcall, moved);
      expect(await workflowsOf(rollcall, moved)).toBe(1);
    });

    test('its start can no longer be moved', async () => {
      const lesson = await schedule(rollcall, { startsIn: 2, seconds: 30 });
      await untilStatus(rollcall, lesson, 'active');
      const answer = await rollcall.call('PATCH', `/api/classes/${lesson.id}`, { start_time: at(60) });
      expect(answer.status).toBe(409);
    });
  });

  test('after its end nothing of a class can be moved, whatever it waits for', async () => {
    const lesson = await schedule(rollcall, { startsIn: 5, seconds: 2, body: { grace_seconds: 5 } });
    for (const phase of ['ended', 'reconciling', 'incomplete']) {
      await untilStatus(rollcall, lesson, phase);
      for (const body of [{ end_time: at(60) }, { start_time: at(60) }]) {
        const answer = await rollcall.call('PATCH', `/api/classes/${lesson.id}`, body);
        expect([phase, answer.status]).toEqual([phase, 409]);
      }
    }
    expect(await workflowsOf(rollcall, lesson)).toBe(1);
  });

  test('a bell that tells nothing new does not shorten the grace', async () => {
    const lesson = await schedule(rollcall, { startsIn: 8, seconds: 3, body: { grace_seconds: 5 } });
    await everybodyComes(rollcall, lesson);
    await untilStatus(rollcall, lesson, 'ended');
    await ring(rollcall, lesson);
    const { ended_at: ended } = await untilSettled(rollcall, lesson);
    const [first] = (await evidenceOf(rollcall, lesson)).calculations;
    expect(first?.calculated_at.getTime()).toBeGreaterThanOrEqual(Date.parse(ended ?? '') + 5_000);
  });
});

const repeatable = () => lessonRequest({ startsIn: 3_600, body: { external_id: randomUUID() } });
const send = (body: unknown) =>
  rollcall.call<{ class_id: string; differences?: { field: string }[] }>('POST', '/api/schedule/class', body);
const lessonOf = (id: string): Lesson => ({ id, startMs: 0, endMs: 0, teacher: '', students: [] });
const untilListed = (id: string) =>
  until('the workflow', async () => (await workflowsOf(rollcall, lessonOf(id))) || null);

describe.concurrent('a scheduling system that repeats itself under its own id of a class', () => {
  test('the same request again is answered with the class that is there', async () => {
    const body = repeatable();
    const first = await send(body);
    const again = await send({ ...body, student_emails: body.student_emails.toReversed() });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body.class_id).toBe(first.body.class_id);
    expect(await untilListed(first.body.class_id)).toBe(1);
  });

  test('of twenty at once one makes the class and nineteen find it', async () => {
    const body = repeatable();
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(body)));
    const created = answers.filter(({ status }) => status === 201);
    expect(created).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
    const ids = new Set(answers.map((answer) => answer.body.class_id));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    expect(await untilListed(id)).toBe(1);
  });

  test('another request under the same id is refused and says what differs', async () => {
    const body = repeatable();
    const first = await send(body);
    const other = await send({ ...body, subject: 'Geometry', duration_seconds: 600 });
    expect(other.status).toBe(409);
    expect(other.body.class_id).toBe(first.body.class_id);
    expect(other.body.differences?.map(({ field }) => field)).toEqual(['end_time', 'subject']);
  });

  test('of two different requests at once one is refused', async () => {
    const body = repeatable();
    const answers = await Promise.all([send(body), send({ ...body, subject: 'Geometry' })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });
});
