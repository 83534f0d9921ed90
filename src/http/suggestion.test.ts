import { once } from 'node:events';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inTenant } from '../db/client.ts';
import { appendEvents } from '../ingest/append-events.ts';
import {
  at,
  HOUR_BEFORE_MS,
  type Json,
  lesson,
  MINUTE_MS,
  START_MS,
  startTestApp,
  type TestApp,
  token,
} from './test-app.ts';

/** A hundred minutes: a minute is one percent. */
const END_MS = START_MS + 100 * MINUTE_MS;
const TEACHER = 'teacher@school.example';
const AMAL = 'amal@school.example';
const BASIL = 'basil@school.example';

let app: TestApp;
let id: string;
let next = 0;
beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/api/sources', { body: { name: 'zoom', kind: 'in_call' } });
  await app.call('POST', '/api/sources', { body: { name: 'pad', kind: 'supporting' } });
});
afterAll(() => app.stop());

async function schedule(change: Record<string, unknown> = {}): Promise<void> {
  app.clock.nowMs = HOUR_BEFORE_MS;
  const body = lesson({ policy: 'astegni', duration_minutes: 100, student_emails: [AMAL], ...change });
  id = (await app.call('POST', '/api/schedule/class', { body })).body.class_id;
  app.clock.nowMs = END_MS + MINUTE_MS;
}
beforeEach(() => schedule());

interface Stay {
  email?: string;
  lateMs?: number;
  activeMs?: number | null;
  leftMs?: number;
}

/** Somebody who came so late, stayed to the end, and was active for so long from their coming on. */
function stay({ email = AMAL, lateMs = 0, activeMs = null, leftMs = END_MS }: Stay): object[] {
  const fromMs = START_MS + lateMs;
  const event = (kind: string, ms: number) => ({
    ...{ source_event_id: `e${next++}`, kind, at: at(ms), email, connection_id: `${id}/${email}` },
  });
  return [event('joined', fromMs), ...beats(fromMs, activeMs ?? 0, event), event('left', leftMs)];
}

/** Each makes active for thirty seconds; the last overlaps the one before where the sum asks for it. */
function beats<T>(fromMs: number, activeMs: number, event: (kind: string, ms: number) => T): T[] {
  const times: number[] = [];
  for (let ms = 0; ms + 30_000 <= activeMs; ms += 30_000) times.push(ms);
  if (activeMs > 0 && activeMs % 30_000 !== 0) times.push(activeMs - 30_000);
  return times.map((ms) => event('heartbeat', fromMs + ms));
}

async function told(events: object[], complete = true): Promise<void> {
  const body = { source: 'zoom', ...(complete ? { complete: true } : {}), events };
  const { status } = await app.call('POST', `/api/classes/${id}/events`, { body });
  expect(status).toBe(200);
}

const ask = (given?: string) =>
  app.call(
    'GET',
    `/api/tutor/sessions/${id}/attendance-suggestion`,
    given === undefined ? {} : { token: given },
  );
const suggestion = async (): Promise<Json> => {
  const { status, body } = await ask();
  expect(status).toBe(200);
  return body;
};
const minutes = (count: number, ms = 0): number => count * MINUTE_MS + ms;

describe('the suggestion by activity', () => {
  test.each([
    ['below 30 % is absent', 0, minutes(30, -1), 'absent', 'low'],
    ['of 30 % is not', 0, minutes(30), 'present', 'low'],
    ['below 40 % more than 15 minutes late is absent', minutes(15, 1), minutes(40, -1), 'absent', 'low'],
    ['below 40 % exactly 15 minutes late is late', minutes(15), minutes(40, -1), 'late', 'low'],
    ['of 40 % more than 15 minutes late is late', minutes(15, 1), minutes(40), 'late', 'medium'],
    ['more than 5 minutes late is late', minutes(5, 1), minutes(80), 'late', 'high'],
    ['exactly 5 minutes late is present', minutes(5), minutes(80), 'present', 'high'],
    ['above 70 % is sure', 0, minutes(70, 1), 'present', 'high'],
    ['of 70 % is fairly sure', 0, minutes(70), 'present', 'medium'],
    ['of 40 % is fairly sure', 0, minutes(40), 'present', 'medium'],
    ['below 40 % is not sure', 0, minutes(40, -1), 'present', 'low'],
    ['of 10 % is an absence that is not sure', 0, minutes(10), 'absent', 'low'],
    ['below 10 % is an absence that is sure', 0, minutes(10, -1), 'absent', 'high'],
  ])('%s', async (_, lateMs, activeMs, status, confidence) => {
    await told(stay({ lateMs, activeMs }));
    expect(await suggestion()).toMatchObject({
      student_status_suggestion: status,
      student_confidence: confidence,
      student_metrics: {
        lateness_minutes: Math.floor(lateMs / MINUTE_MS),
        active_minutes: Math.round(Math.floor(activeMs / 1_000) / 0.6) / 100,
      },
    });
  });

  test('tells how much, how late and why', async () => {
    await told([...stay({ lateMs: minutes(6), activeMs: minutes(50, 500) }), ...stay({ email: TEACHER })]);
    const body = await suggestion();
    expect(body.student_metrics).toEqual({
      lateness_minutes: 6,
      engagement_percentage: 50.01,
      active_minutes: 50,
    });
    expect(body.student_reasons.join(' ')).toContain('late, with activity of 50.01 %, so late');
    // Somebody was active, so that being there alone is nothing.
    expect([body.tutor_status_suggestion, body.tutor_confidence]).toEqual(['absent', 'high']);
  });

  test('without presence is as late as the first activity', async () => {
    const email = AMAL;
    const event = (kind: string, ms: number) => ({
      ...{ source_event_id: `e${next++}`, kind, at: at(ms), email, connection_id: `pad ${id}` },
    });
    const events = beats(START_MS + minutes(7), minutes(60), event);
    await app.call('POST', `/api/classes/${id}/events`, { body: { source: 'pad', events } });
    await told([]);
    expect(await suggestion()).toMatchObject({
      student_status_suggestion: 'late',
      student_metrics: { lateness_minutes: 7, engagement_percentage: 59.5, active_minutes: 59.5 },
    });
  });
});

describe('without any heartbeat presence takes the place of activity, and one is less sure', () => {
  test.each([
    [minutes(70, 1), 'present', 'medium'],
    [minutes(70), 'present', 'low'],
    [minutes(40), 'present', 'low'],
    [minutes(30), 'present', 'low'],
    [minutes(30, -1), 'absent', 'low'],
    [minutes(10), 'absent', 'low'],
    [minutes(10, -1), 'absent', 'medium'],
  ])('%i ms of presence', async (presentMs, status, confidence) => {
    await told(stay({ leftMs: START_MS + presentMs }));
    expect(await suggestion()).toMatchObject({
      student_status_suggestion: status,
      student_confidence: confidence,
      student_metrics: { active_minutes: 0 },
    });
  });
});

describe('the suggestion', () => {
  test('names every field, and the marks that stand', async () => {
    await told(stay({ activeMs: minutes(80) }));
    const { headers, body } = await ask();
    expect(Object.keys(body).sort()).toEqual(
      [
        ...['session_id', 'class_id', 'has_whiteboard', 'students', 'attendance_notes', 'etag'],
        ...['tutor_status_suggestion', 'tutor_confidence', 'tutor_metrics', 'tutor_reasons'],
        ...['student_status_suggestion', 'student_confidence', 'student_metrics', 'student_reasons'],
        ...['tutor_attendance_status', 'tutor_mark', 'student_attendance_status', 'student_mark'],
      ].sort(),
    );
    expect(body).toMatchObject({
      session_id: id,
      class_id: id,
      has_whiteboard: false,
      tutor_attendance_status: null,
      student_attendance_status: null,
      attendance_notes: null,
      students: [
        {
          email: AMAL,
          name: 'amal',
          status_suggestion: 'present',
          confidence: 'high',
          metrics: body.student_metrics,
          reasons: body.student_reasons,
          attendance_status: null,
          mark: null,
        },
      ],
    });
    expect([headers.get('etag'), body.etag]).toEqual(['"marks-0"', '"marks-0"']);
    await app.call('PUT', `/api/tutor/sessions/${id}/attendance`, {
      body: { student_attendance_status: 'late', attendance_notes: 'Bus.' },
    });
    const marked = await ask();
    expect(marked.body).toMatchObject({
      student_status_suggestion: 'present',
      student_attendance_status: 'late',
      attendance_notes: 'Bus.',
      student_mark: {
        status: 'late',
        source: 'manual',
        notes: 'Bus.',
        marked_by: 'admin@school.example',
        marked_at: at(app.clock.nowMs),
      },
    });
    expect(marked.body.students[0].mark).toEqual(marked.body.student_mark);
    expect(marked.headers.get('etag')).toBe(marked.body.etag);
    expect(marked.body.etag).not.toBe(body.etag);
  });

  test('of several students is told of each, and the student fields stay empty', async () => {
    await schedule({ student_emails: [AMAL, BASIL] });
    await told([...stay({ activeMs: minutes(80) }), ...stay({ email: BASIL, activeMs: minutes(50) })]);
    const body = await suggestion();
    expect(body).toMatchObject({
      student_status_suggestion: null,
      student_confidence: null,
      student_metrics: null,
      student_reasons: null,
      student_attendance_status: null,
      student_mark: null,
    });
    expect(body.students).toMatchObject([
      { email: AMAL, status_suggestion: 'present', confidence: 'high' },
      { email: BASIL, status_suggestion: 'present', confidence: 'medium' },
    ]);
  });

  test('is unknown, with no confidence and the reason, while the evidence could show more', async () => {
    await told(stay({ activeMs: minutes(20) }), false);
    const body = await suggestion();
    expect([body.student_status_suggestion, body.student_confidence]).toEqual(['unknown', null]);
    expect(body.student_reasons.join(' ')).toContain('the evidence of the class could still show more');
  });

  test('speaks of the moment, also before the end', async () => {
    app.clock.nowMs = START_MS + minutes(45);
    const [joined, ...rest] = stay({ activeMs: minutes(45) });
    await told([joined ?? {}, ...rest.slice(0, -1)], false);
    expect(await suggestion()).toMatchObject({
      student_status_suggestion: 'present',
      student_metrics: { engagement_percentage: 45 },
    });
  });

  test('says whether anybody connected to the whiteboard, without which a whiteboard class is unknown', async () => {
    await schedule({ provider: 'whiteboard' });
    const before = await suggestion();
    expect([before.has_whiteboard, before.tutor_status_suggestion]).toEqual([false, 'unknown']);
    expect(before.tutor_reasons.join(' ')).toContain('Nobody of the roster connected to the whiteboard');
    const personId = before.students[0].person_id;
    const common = { classId: id, source: 'whiteboard', connection: `w ${id}`, personId };
    await inTenant(app.db, 'school', (tx) =>
      appendEvents(
        tx,
        'school',
        beats(START_MS, minutes(80), (kind, atMs) => ({
          ...common,
          kind: kind as 'heartbeat',
          sourceEventId: `${id}/${atMs}`,
          atMs,
        })),
      ),
    );
    expect(await suggestion()).toMatchObject({
      has_whiteboard: true,
      tutor_status_suggestion: 'absent',
      student_status_suggestion: 'present',
      student_confidence: 'high',
    });
  });

  test('after the calculation is what the facts say now, and reading it makes no version', async () => {
    await told(stay({ activeMs: minutes(50) }));
    const provisional = 'Provisional: the class has not been calculated yet.';
    app.clock.nowMs = END_MS - 1;
    expect((await suggestion()).student_reasons).toContain(provisional);
    app.clock.nowMs = END_MS + MINUTE_MS;
    const recalculated = await app.call('POST', `/api/classes/${id}/recalculate`);
    expect(recalculated.status).toBe(200);
    expect((await suggestion()).student_reasons).not.toContain(provisional);
    await told(stay({ email: TEACHER, activeMs: minutes(80) }));
    expect(await suggestion()).toMatchObject({
      tutor_status_suggestion: 'present',
      tutor_confidence: 'high',
    });
    const { body } = await app.call('GET', `/api/classes/${id}/attendance`);
    expect(body.records[0]).toMatchObject({ role: 'teacher', status: 'absent', version: 1 });
    expect(await app.owner`select version from calculations where class_id = ${id}`).toHaveLength(1);
  });

  test('is given whole whatever tag the client knows, because the tag names the marks', async () => {
    const authorization = `Bearer ${await token()}`;
    const url = `${app.url}/api/tutor/sessions/${id}/attendance-suggestion`;
    // Not by fetch, which asks for a fresh answer by itself as soon as it sends If-None-Match.
    const [answer] = await once(
      get(url, { headers: { authorization, 'if-none-match': '"marks-0"' } }),
      'response',
    );
    expect([answer.statusCode, answer.headers.etag]).toEqual([200, '"marks-0"']);
    expect(JSON.parse(await text(answer))).toMatchObject({ etag: '"marks-0"', session_id: id });
  });
});

describe('who may ask for the suggestion', () => {
  test.each([
    ['admin', 'admin@school.example', 200],
    ['teacher', TEACHER, 200],
    ['teacher', 'other@school.example', 404],
    ['operator', 'operator@school.example', 403],
    ['student', AMAL, 403],
    ['guardian', 'guardian@school.example', 403],
    ['service', 'lms', 403],
  ])('%s %s: %i', async (role, sub, status) => {
    expect((await ask(await token({ role, sub }))).status).toBe(status);
  });

  test('nobody of another tenant, to whom the class is not there', async () => {
    expect((await ask(await token({ tenant: 'elsewhere' }))).status).toBe(404);
  });
});
