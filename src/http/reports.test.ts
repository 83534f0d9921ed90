import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inTenant } from '../db/client.ts';
import { appendMarks, type NewMark } from '../db/marks.ts';
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

const END_MS = START_MS + 40 * MINUTE_MS;
const AMAL = 'amal@school.example';
const BASIL = 'basil@school.example';
const TEACHER = 'teacher@school.example';

let app: TestApp;
let id: string;
let next = 0;
beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/api/sources', { body: { name: 'zoom', kind: 'in_call' } });
});
afterAll(() => app.stop());
beforeEach(async () => {
  id = await scheduled();
});

async function scheduled(change: Record<string, unknown> = {}): Promise<string> {
  app.clock.nowMs = HOUR_BEFORE_MS;
  return (await app.call('POST', '/api/schedule/class', { body: lesson(change) })).body.class_id;
}

const say = async (complete: boolean, ...events: [email: string, kind: string, atMs: number][]) => {
  const { status } = await app.call('POST', `/api/classes/${id}/events`, {
    body: {
      source: 'zoom',
      ...(complete ? { complete } : {}),
      events: events.map(([email, kind, atMs]) => ({
        source_event_id: `r${next++}`,
        kind,
        at: at(atMs),
        email,
      })),
    },
  });
  expect(status).toBe(200);
};

async function calculated(): Promise<void> {
  expect((await app.call('POST', `/api/classes/${id}/recalculate`)).status).toBe(200);
}

/** Amal came a little early and stayed; Basil never came; nothing more is to be heard. */
async function settled(): Promise<void> {
  app.clock.nowMs = END_MS + 10 * MINUTE_MS;
  await say(
    true,
    [TEACHER, 'joined', START_MS],
    [TEACHER, 'left', END_MS],
    [AMAL, 'joined', START_MS - MINUTE_MS],
    [AMAL, 'left', END_MS],
  );
  await calculated();
}

const reports = async (claims?: Record<string, unknown>, of = id) =>
  await app.call('GET', `/api/reports/sessions/${of}`, claims ? { token: await token(claims) } : {});
const reportOf = async (email: string): Promise<Json> =>
  (await reports()).body.reports.find((one: Json) => one.student_email === email);
const studentsIn = ({ body }: Json): string[] => body.reports.map((one: Json) => one.student_email);

async function personOf(email: string): Promise<string> {
  const { roster } = (await app.call('GET', `/api/classes/${id}`)).body;
  return roster.find((one: Json) => one.email === email).person_id;
}

async function mark(email: string, status: NewMark['status']): Promise<void> {
  const personId = await personOf(email);
  const replaced = { status: 'absent', source: 'calculated', notes: null } as const;
  await inTenant(app.db, 'school', (tx) =>
    appendMarks(
      tx,
      { tenantId: 'school', classId: id },
      [{ personId, status, source: 'manual', notes: null, replaced }],
      { markedBy: TEACHER, atMs: app.clock.nowMs },
    ),
  );
}

describe('the reports of a session', () => {
  test('are one for each student, by e-mail', async () => {
    await settled();
    await app.owner`update classes set status = 'completed', settled_at = now() where id = ${id}`;
    const { status, body } = await reports();
    expect(status).toBe(200);
    expect(body).toEqual({
      session_id: id,
      class_id: id,
      session_type: 'academic',
      report_type: 'academic_session_report',
      subject: 'Algebra',
      start_time: at(START_MS),
      end_time: at(END_MS),
      status: 'completed',
      is_complete: true,
      reports: [
        {
          student_id: await personOf(AMAL),
          student_email: AMAL,
          student_name: 'amal',
          meeting_enter_time: at(START_MS - MINUTE_MS),
          meeting_leave_time: at(END_MS),
          actual_attendance_minutes: 40,
          attendance_status: 'present',
          attendance_percentage: 100,
          is_late: false,
          late_minutes: 0,
          is_auto_calculated: true,
          explanation: expect.stringContaining('so present'),
        },
        {
          student_id: await personOf(BASIL),
          student_email: BASIL,
          student_name: 'basil',
          meeting_enter_time: null,
          meeting_leave_time: null,
          actual_attendance_minutes: 0,
          attendance_status: 'absent',
          attendance_percentage: 0,
          is_late: false,
          late_minutes: 0,
          is_auto_calculated: true,
          explanation: expect.stringContaining('No connection was seen'),
        },
      ],
    });
  });

  test.each([
    ['quran', 'quran_session_report'],
    ['academic', 'academic_session_report'],
    ['interactive', 'interactive_session_report'],
    ['trial', 'session_report'],
    ['quran_session', 'session_report'],
    ['constructor', 'session_report'],
  ])('of type %s are called %s and have the same figures', async (sessionType, reportType) => {
    await settled();
    const academic = (await reports()).body.reports[0];
    id = await scheduled({ session_type: sessionType });
    await settled();
    const { body } = await reports();
    expect(body).toMatchObject({ session_type: sessionType, report_type: reportType });
    expect(body.reports[0]).toEqual(academic);
  });

  test('tell who was late, by how much, and minutes with two decimals', async () => {
    app.clock.nowMs = END_MS + 10 * MINUTE_MS;
    await say(true, [AMAL, 'joined', START_MS + 16.5 * MINUTE_MS], [AMAL, 'left', END_MS - 10_000]);
    await calculated();
    expect(await reportOf(AMAL)).toMatchObject({
      meeting_enter_time: at(START_MS + 16.5 * MINUTE_MS),
      meeting_leave_time: at(END_MS - 10_000),
      actual_attendance_minutes: 23.33,
      attendance_percentage: 58.33,
      attendance_status: 'late',
      is_late: true,
      late_minutes: 16,
    });
  });

  test('are live and pending before the first calculation', async () => {
    app.clock.nowMs = START_MS + 10 * MINUTE_MS;
    await app.owner`update classes set status = 'open' where id = ${id}`;
    await say(false, [AMAL, 'joined', START_MS]);
    expect((await reports()).body).toMatchObject({ status: 'active', is_complete: false });
    const live = {
      meeting_enter_time: at(START_MS),
      meeting_leave_time: null,
      actual_attendance_minutes: 10,
      attendance_status: 'pending',
      is_auto_calculated: true,
    };
    expect(await reportOf(AMAL)).toMatchObject(live);
    app.clock.nowMs += 5 * MINUTE_MS;
    expect(await reportOf(AMAL)).toMatchObject({ ...live, actual_attendance_minutes: 15 });
    expect(await reportOf(BASIL)).toMatchObject({
      actual_attendance_minutes: 0,
      attendance_status: 'pending',
    });
  });

  test('say unknown and how much is known where the evidence does not tell, never absent', async () => {
    app.clock.nowMs = END_MS + 10 * MINUTE_MS;
    await say(false, [AMAL, 'joined', START_MS], [AMAL, 'left', START_MS + 7.5 * MINUTE_MS]);
    await calculated();
    expect((await reports()).body.is_complete).toBe(false);
    expect(await reportOf(AMAL)).toMatchObject({ attendance_status: 'unknown', at_least_minutes: 7 });
    expect(await reportOf(BASIL)).toMatchObject({ attendance_status: 'unknown', at_least_minutes: 0 });
  });

  test('of a cancelled class are pending, with what was seen until then', async () => {
    app.clock.nowMs = START_MS + 10 * MINUTE_MS;
    await say(false, [AMAL, 'joined', START_MS]);
    await app.call('POST', `/api/classes/${id}/cancel`, { body: { reason: 'snow' } });
    app.clock.nowMs = END_MS;
    expect((await reports()).body).toMatchObject({ status: 'cancelled', is_complete: false });
    expect(await reportOf(AMAL)).toMatchObject({
      actual_attendance_minutes: 10,
      attendance_status: 'pending',
    });
  });

  test('follow the latest calculation', async () => {
    await settled();
    await say(false, [BASIL, 'joined', START_MS], [BASIL, 'left', END_MS]);
    expect(await reportOf(BASIL)).toMatchObject({ attendance_status: 'absent' });
    await calculated();
    expect(await reportOf(BASIL)).toMatchObject({
      attendance_status: 'present',
      actual_attendance_minutes: 40,
    });
  });
});

describe('a mark', () => {
  test('decides the status and leaves the figures, until it is withdrawn', async () => {
    await settled();
    const calculatedReport = await reportOf(BASIL);
    await mark(BASIL, 'excused');
    expect(await reportOf(BASIL)).toEqual({
      ...calculatedReport,
      attendance_status: 'excused',
      is_auto_calculated: false,
    });
    expect(await reportOf(AMAL)).toMatchObject({ attendance_status: 'present', is_auto_calculated: true });
    await mark(BASIL, 'present');
    expect(await reportOf(BASIL)).toMatchObject({ attendance_status: 'present', is_auto_calculated: false });
    await mark(BASIL, null);
    expect(await reportOf(BASIL)).toEqual(calculatedReport);
  });

  test('decides what is unknown and what is still pending', async () => {
    await mark(AMAL, 'absent');
    const marked = { attendance_status: 'absent', is_auto_calculated: false };
    expect(await reportOf(AMAL)).toMatchObject(marked);
    app.clock.nowMs = END_MS + 10 * MINUTE_MS;
    await calculated();
    expect(await reportOf(AMAL)).toMatchObject(marked);
    expect(await reportOf(AMAL)).not.toHaveProperty('at_least_minutes');
    expect(await reportOf(BASIL)).toMatchObject({ attendance_status: 'unknown' });
  });
});

describe('who sees the reports', () => {
  test.each<[string, string, string, number]>([
    ['an admin', 'admin', 'admin@school.example', 200],
    ['an operator', 'operator', 'operator@school.example', 200],
    ['the teacher of the class', 'teacher', 'Teacher@school.example', 200],
    ['another teacher', 'teacher', 'other@school.example', 404],
    ['a student of the class as a teacher', 'teacher', AMAL, 404],
    ['a student', 'student', AMAL, 403],
    ['a service', 'service', 'lms', 403],
    ['a guardian of nobody', 'guardian', 'nobody@home.example', 404],
    ['the teacher as a guardian', 'guardian', TEACHER, 404],
    ['a student as a guardian', 'guardian', AMAL, 404],
  ])('%s: %s %s gets %i', async (_title, role, sub, status) => {
    const answer = await reports({ role, sub });
    expect(answer.status).toBe(status);
    if (status === 200) expect(studentsIn(answer)).toEqual([AMAL, BASIL]);
  });

  test.each([
    ['admin', 'admin@school.example'],
    ['operator', 'operator@school.example'],
    ['teacher', TEACHER],
    ['guardian', 'mother@home.example'],
  ])('a class of another tenant is as one that is not there for %s %s', async (role, sub) => {
    await guardians(AMAL, ['mother@home.example']);
    expect((await reports({ role, sub })).status).toBe(200);
    const missing = await reports({ role, sub }, '00000000-0000-4000-8000-000000000000');
    expect(missing.status).toBe(404);
    await app.call('GET', '/api/tenant', { token: await token({ tenant: 'elsewhere' }) });
    const elsewhere = await reports({ role, sub, tenant: 'elsewhere' });
    expect([elsewhere.status, elsewhere.body]).toEqual([404, missing.body]);
    expect((await reports({ role, sub }, 'x')).body).toEqual(missing.body);
  });

  test('what a report takes besides its id is refused and named', async () => {
    const { status, body } = await app.call('GET', `/api/reports/sessions/${id}?student=x`);
    expect([status, body.errors[0].field]).toEqual([422, 'student']);
  });
});

async function guardians(child: string, emails: string[]): Promise<Json> {
  const path = `/api/people/${await personOf(child)}/guardians`;
  const { status, body } = await app.call('PUT', path, { body: { guardian_emails: emails } });
  expect(status).toBe(200);
  return body.guardians;
}

describe('a guardian', () => {
  const mother = { role: 'guardian', sub: 'mother@home.example' };
  beforeEach(async () => {
    await guardians(AMAL, [mother.sub]);
    await guardians(BASIL, []);
  });

  test('sees the report of their child and of nobody else, live and calculated', async () => {
    const live = await reports(mother);
    expect([live.status, studentsIn(live)]).toEqual([200, [AMAL]]);
    await settled();
    const after = await reports(mother);
    expect(studentsIn(after)).toEqual([AMAL]);
    expect(JSON.stringify(after.body)).not.toMatch(/basil|teacher/);
    expect(after.body.reports[0]).toEqual(await reportOf(AMAL));
  });

  test('sees all their children of the class, and is the one that is meant, by id as by e-mail', async () => {
    const [{ person_id: sub }] = await guardians(BASIL, ['Mother@Home.example']);
    expect(studentsIn(await reports({ ...mother, sub: sub.toUpperCase() }))).toEqual([AMAL, BASIL]);
    expect(studentsIn(await reports({ ...mother, sub: 'MOTHER@home.example' }))).toEqual([AMAL, BASIL]);
  });

  test('sees no class in which their child is not a student', async () => {
    const without = await scheduled({ student_emails: [BASIL] });
    expect((await reports(mother, without)).status).toBe(404);
    const taught = await scheduled({ teacher_email: AMAL, student_emails: [BASIL] });
    expect((await reports(mother, taught)).status).toBe(404);
  });

  test('who is not one any more sees nothing, and who takes the place does', async () => {
    await guardians(AMAL, ['father@home.example', 'aunt@home.example']);
    expect((await reports(mother)).status).toBe(404);
    for (const sub of ['father@home.example', 'aunt@home.example']) {
      expect(studentsIn(await reports({ ...mother, sub }))).toEqual([AMAL]);
    }
  });

  test("of a child of the same address in another tenant sees nothing of this one's", async () => {
    const twins = { token: await token({ tenant: 'twin' }) };
    const { body } = await app.call('POST', '/api/schedule/class', { ...twins, body: lesson() });
    const { roster } = (await app.call('GET', `/api/classes/${body.class_id}`, twins)).body;
    const child = roster.find((one: Json) => one.email === AMAL).person_id;
    const stranger = { role: 'guardian', sub: 'stranger@home.example', tenant: 'twin' };
    await app.call('PUT', `/api/people/${child}/guardians`, {
      ...twins,
      body: { guardian_emails: [stranger.sub] },
    });
    expect(studentsIn(await reports(stranger, body.class_id))).toEqual([AMAL]);
    expect((await reports(stranger)).status).toBe(404);
    expect((await reports({ ...stranger, tenant: 'school' })).status).toBe(404);
  });
});
