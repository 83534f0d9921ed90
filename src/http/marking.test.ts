import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
const ADMIN = 'admin@school.example';
const TEACHER = 'teacher@school.example';
const AMAL = 'amal@school.example';
const BASIL = 'basil@school.example';
const STRANGER = '00000000-0000-4000-8000-000000000000';

let app: TestApp;
let id: string;
let teacher: string;
let next = 0;
beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/api/sources', { body: { name: 'zoom', kind: 'in_call' } });
  teacher = await token({ role: 'teacher', sub: TEACHER });
});
afterAll(() => app.stop());
beforeEach(() => schedule());

/** A class of one student, a minute after its end. */
async function schedule(change: Record<string, unknown> = {}): Promise<void> {
  app.clock.nowMs = HOUR_BEFORE_MS;
  const body = lesson({ policy: 'astegni', student_emails: [AMAL], ...change });
  id = (await app.call('POST', '/api/schedule/class', { body })).body.class_id;
  app.clock.nowMs = END_MS + MINUTE_MS;
  app.temporal.calls.length = 0;
}

interface As {
  as?: string;
  ifMatch?: string;
  key?: string;
}

const put = (body: unknown, { as, ifMatch, key }: As = {}) =>
  app.call('PUT', `/api/tutor/sessions/${id}/attendance`, {
    body,
    ...(as === undefined ? {} : { token: as }),
    headers: {
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
  });
const done = async (body: unknown, given: As = {}): Promise<Json> => {
  const answer = await put(body, given);
  expect([answer.status, answer.body.detail]).toEqual([200, undefined]);
  return answer.body;
};
const attendance = async (query = ''): Promise<Json> =>
  (await app.call('GET', `/api/classes/${id}/attendance${query}`)).body;
const record = async (email = AMAL, query = ''): Promise<Json> =>
  (await attendance(query)).records.find((one: Json) => one.email === email);
const history = async (): Promise<Json[]> =>
  (await app.call('GET', `/api/tutor/sessions/${id}/attendance`)).body.marks;
const suggestion = async (): Promise<Json> =>
  (await app.call('GET', `/api/tutor/sessions/${id}/attendance-suggestion`)).body;
const classNow = async (): Promise<Json> => (await app.call('GET', `/api/classes/${id}`)).body;
const recalculate = () => app.call('POST', `/api/classes/${id}/recalculate`);

/** Its plan has changed, and its workflow has not been told. */
const isRungBySweeper = async (): Promise<boolean> => {
  const [row] = await app.owner`select plan_rung_version < plan_version as due from classes where id = ${id}`;
  return row?.due;
};

/** Who was there for the whole lesson; `complete` says that nobody else was. */
async function present(emails: string[], complete = true): Promise<void> {
  const events = emails.flatMap((email) =>
    (['joined', 'left'] as const).map((kind) => ({
      ...{ source_event_id: `m${next++}`, kind, email, connection_id: `${id}/${email}` },
      at: at(kind === 'joined' ? START_MS : END_MS),
    })),
  );
  const body = { source: 'zoom', events, ...(complete ? { complete: true } : {}) };
  expect((await app.call('POST', `/api/classes/${id}/events`, { body })).status).toBe(200);
}

const settledAs = (status: string) =>
  app.owner`update classes set status = ${status}, settled_at = now() where id = ${id}`;

describe('a mark', () => {
  test('outranks the calculation, which goes on being shown with its figures', async () => {
    await present([TEACHER]);
    await recalculate();
    const before = await record();
    expect(before).toMatchObject({
      status: 'absent',
      calculated_status: 'absent',
      source: 'calculated',
      mark: null,
    });
    await done({ student_attendance_status: 'excused', attendance_notes: 'Ill.' });
    const mark = {
      status: 'excused',
      source: 'manual',
      notes: 'Ill.',
      marked_by: ADMIN,
      marked_at: at(app.clock.nowMs),
      replaced: { status: 'absent', source: 'calculated', notes: null },
    };
    expect(await record()).toEqual({ ...before, status: 'excused', source: 'manual', mark });
    expect(await record(TEACHER)).toMatchObject({ status: 'present', source: 'calculated', mark: null });
  });

  test('stands before the first calculation too, when everybody else is pending', async () => {
    app.clock.nowMs = HOUR_BEFORE_MS;
    await done({ student_attendance_status: 'excused' });
    expect(await record()).toMatchObject({
      status: 'excused',
      calculated_status: 'pending',
      source: 'manual',
      is_final: false,
      version: null,
      mark: { replaced: { status: 'pending', source: 'system_default', notes: null } },
    });
    expect(await record(TEACHER)).toMatchObject({ status: 'pending', source: 'system_default' });
  });

  test('survives every recalculation, also in the versions before it', async () => {
    await present([TEACHER]);
    await recalculate();
    await done({ student_attendance_status: 'late' });
    expect((await recalculate()).body.records[1]).toMatchObject({ status: 'late', version: 1 });
    await present([AMAL]);
    await recalculate();
    expect(await record()).toMatchObject({ status: 'late', calculated_status: 'present', version: 2 });
    expect(await record(AMAL, '?version=1')).toMatchObject({ status: 'late', calculated_status: 'absent' });
  });

  test('is withdrawn by null, and then the calculation holds again', async () => {
    await present([TEACHER]);
    await recalculate();
    const before = await attendance();
    await done({ student_attendance_status: 'present', attendance_notes: 'Sat beside me.' });
    const after = await done({ student_attendance_status: null, attendance_notes: 'A mistake.' });
    expect(after).toMatchObject({
      student_attendance_status: null,
      student_mark: null,
      attendance_notes: null,
    });
    expect(await attendance()).toEqual({ ...before, etag: after.etag });
    expect(await history()).toMatchObject([
      { email: AMAL, status: 'present', notes: 'Sat beside me.' },
      {
        email: AMAL,
        status: null,
        notes: 'A mistake.',
        replaced: { status: 'present', source: 'manual', notes: 'Sat beside me.' },
      },
    ]);
  });

  test('of what stands already changes nothing, and neither does withdrawing what is not there', async () => {
    const first = await done({ tutor_attendance_status: 'late', attendance_notes: 'Traffic.' });
    const again = await done({ tutor_attendance_status: 'late', attendance_notes: ' Traffic. ' });
    expect(again).toEqual(first);
    expect(await done({ student_attendance_status: null })).toEqual(first);
    expect(await history()).toHaveLength(1);
    const changed = await done({ tutor_attendance_status: 'late' });
    expect([changed.tutor_mark.notes, (await history()).length]).toEqual([null, 2]);
  });

  test('says who, when, from where and what it replaced, each on top of the one before', async () => {
    await present([TEACHER, AMAL]);
    await done({ use_suggestion: true }, { as: teacher });
    app.clock.nowMs += MINUTE_MS;
    const { etag } = await suggestion();
    await done({ student_attendance_status: 'partial' }, { ifMatch: etag });
    const of = (email: string) => async () => (await history()).filter((one) => one.email === email);
    expect(await of(AMAL)()).toEqual([
      {
        person_id: expect.any(String),
        email: AMAL,
        name: 'amal',
        status: 'present',
        source: 'suggestion',
        notes: null,
        marked_by: TEACHER,
        marked_at: at(END_MS + MINUTE_MS),
        replaced: { status: 'pending', source: 'system_default', notes: null },
      },
      expect.objectContaining({
        status: 'partial',
        source: 'manual',
        marked_by: ADMIN,
        marked_at: at(END_MS + 2 * MINUTE_MS),
        replaced: { status: 'present', source: 'suggestion', notes: null },
      }),
    ]);
    expect(await of(TEACHER)()).toHaveLength(1);
  });

  test('is what the logs filter by, live and calculated; a guest has no status', async () => {
    await present([TEACHER, AMAL], false);
    const guest = { source_event_id: `m${next++}`, kind: 'joined', at: at(START_MS), identity: 'iPad' };
    await app.call('POST', `/api/classes/${id}/events`, { body: { source: 'zoom', events: [guest] } });
    const emails = async (status: string): Promise<string[]> => {
      const { body } = await app.call('GET', `/monitoring/attendance-logs?class_id=${id}&status=${status}`);
      return body.items.map((one: Json) => one.user_email).sort();
    };
    expect(await emails('pending')).toEqual([AMAL, TEACHER]);
    await done({ student_attendance_status: 'excused' });
    expect([await emails('pending'), await emails('excused'), await emails('late')]).toEqual([
      [TEACHER],
      [AMAL],
      [],
    ]);
    await done({ student_attendance_status: null });
    expect([await emails('pending'), await emails('excused')]).toEqual([[AMAL, TEACHER], []]);
    await present([]);
    await recalculate();
    expect(await emails('present')).toEqual([AMAL, TEACHER]);
    await done({ student_attendance_status: 'excused' });
    expect([await emails('present'), await emails('excused')]).toEqual([[TEACHER], [AMAL]]);
    await done({ student_attendance_status: null });
    expect([await emails('present'), await emails('excused')]).toEqual([[AMAL, TEACHER], []]);
  });

  test('of a cancelled class is refused', async () => {
    app.clock.nowMs = HOUR_BEFORE_MS;
    await app.call('POST', `/api/classes/${id}/cancel`, { body: { reason: 'snow' } });
    const { status, body } = await put({ student_attendance_status: 'excused' });
    expect([status, body.detail]).toEqual([409, 'the class is cancelled; nobody is marked in it']);
  });
});

describe('of several students', () => {
  const students = async (): Promise<Json[]> => (await suggestion()).students;
  beforeEach(() => schedule({ student_emails: [AMAL, BASIL] }));

  test('each is marked by id, with notes of their own or those for everybody', async () => {
    const [amal, basil] = await students();
    const body = await done({
      tutor_attendance_status: 'present',
      attendance_notes: 'Rainy.',
      students: [
        { person_id: amal.person_id, attendance_status: 'late' },
        { person_id: basil.person_id, attendance_status: 'excused', attendance_notes: 'Ill.' },
      ],
    });
    expect(body).toMatchObject({
      session_id: id,
      class_id: id,
      tutor_attendance_status: 'present',
      tutor_mark: { notes: 'Rainy.' },
      student_attendance_status: null,
      student_mark: null,
      attendance_notes: 'Ill.',
      students: [
        { email: AMAL, attendance_status: 'late', mark: { notes: 'Rainy.' } },
        { email: BASIL, attendance_status: 'excused', mark: { notes: 'Ill.' } },
      ],
    });
    await done({ students: [{ person_id: amal.person_id, attendance_status: null }] });
    expect(await students()).toMatchObject([
      { email: AMAL, attendance_status: null, mark: null },
      { email: BASIL, attendance_status: 'excused' },
    ]);
  });

  test('the field for the only student is refused', async () => {
    const { status, body } = await put({ student_attendance_status: 'late' });
    expect([status, body.errors[0].field]).toEqual([422, 'student_attendance_status']);
    expect(body.errors[0].message).toContain('the class has 2: use students');
    expect(await history()).toEqual([]);
  });

  test('the suggestion is accepted for each, and an unknown one keeps the mark they have', async () => {
    await present([TEACHER, AMAL], false);
    const refused = await put({ use_suggestion: true });
    expect([refused.status, refused.body.unknown]).toEqual([
      409,
      [expect.objectContaining({ email: BASIL })],
    ]);
    const [, basil] = await students();
    await done({ students: [{ person_id: basil.person_id, attendance_status: 'excused' }] });
    expect((await done({ use_suggestion: true, attendance_notes: 'As seen.' })).students).toMatchObject([
      { email: AMAL, mark: { status: 'present', source: 'suggestion', notes: 'As seen.' } },
      { email: BASIL, mark: { status: 'excused', source: 'manual', notes: null } },
    ]);
  });
});

describe('accepting the suggestion', () => {
  test('is refused where being present rests on time that nobody has vouched for', async () => {
    await present([TEACHER], false);
    const event = {
      source_event_id: `m${next++}`,
      kind: 'joined',
      email: AMAL,
      at: at(START_MS + 3 * MINUTE_MS),
    };
    const body = { source: 'zoom', events: [{ ...event, connection_id: `open ${id}` }] };
    expect((await app.call('POST', `/api/classes/${id}/events`, { body })).status).toBe(200);
    expect((await suggestion()).student_status_suggestion).toBe('unknown');
    const refused = await put({ use_suggestion: true });
    expect(refused.status).toBe(409);
    expect(refused.body.unknown).toMatchObject([{ email: AMAL }]);
  });

  test('is refused until the scheduled end', async () => {
    await present([TEACHER, AMAL], false);
    app.clock.nowMs = END_MS - 1;
    const { status, body } = await put({ use_suggestion: true });
    expect(status).toBe(409);
    expect(body.detail).toContain(`can be accepted from ${at(END_MS)} on`);
    app.clock.nowMs = END_MS;
    const marked = await done({ use_suggestion: true });
    expect([marked.tutor_attendance_status, marked.student_attendance_status]).toEqual([
      'present',
      'present',
    ]);
  });

  test('is refused while somebody is unknown, with the reason', async () => {
    await present([TEACHER], false);
    const { status, body } = await put({ use_suggestion: true });
    expect(status).toBe(409);
    expect(body.detail).toContain(`the suggestion is unknown for ${AMAL}`);
    expect(body.detail).toContain('the evidence of the class could still show more');
    expect(body.unknown).toMatchObject([{ email: AMAL, name: 'amal' }]);
    expect(body.unknown[0].reasons.join(' ')).toContain('Not certain');
    expect(await history()).toEqual([]);
  });

  test('is refused where no evidence came, with the reason', async () => {
    await schedule({ provider: 'whiteboard' });
    const { status, body } = await put({ use_suggestion: true });
    expect(status).toBe(409);
    expect(body.detail).toContain('Nobody of the roster connected to the whiteboard during the class');
    expect(body.unknown).toHaveLength(2);
  });

  test('marks an absence that is known', async () => {
    await present([TEACHER]);
    expect(await done({ use_suggestion: true })).toMatchObject({
      tutor_mark: { status: 'present', source: 'suggestion' },
      student_mark: { status: 'absent', source: 'suggestion' },
    });
  });

  test('takes the place of what one marked oneself', async () => {
    await present([TEACHER, AMAL]);
    await done({ student_attendance_status: 'absent' });
    expect((await done({ use_suggestion: true })).student_mark).toMatchObject({
      status: 'present',
      source: 'suggestion',
      replaced: { status: 'absent', source: 'manual' },
    });
  });

  test('is another decision than the same status by hand, and the other way round', async () => {
    await present([TEACHER, AMAL]);
    await done({ student_attendance_status: 'present' });
    await done({ use_suggestion: true });
    await done({ student_attendance_status: 'present' });
    const sources = (await history()).filter(({ email }) => email === AMAL).map(({ source }) => source);
    expect(sources).toEqual(['manual', 'suggestion', 'manual']);
  });

  test('false is as if it were left out', async () => {
    expect(await done({ use_suggestion: false, tutor_attendance_status: 'late' })).toMatchObject({
      tutor_mark: { status: 'late', source: 'manual' },
    });
    expect((await put({ use_suggestion: false })).status).toBe(422);
  });
});

describe('If-Match', () => {
  const late = { student_attendance_status: 'late' };
  const excused = { student_attendance_status: 'excused' };

  test.each([
    ['nobody marked', 'none', 200],
    ['nobody marked', 'present', 200],
    ['nobody marked', 'stale', 412],
    ['nobody marked', '*', 200],
    ['the caller marked', 'none', 200],
    ['the caller marked', 'present', 200],
    ['the caller marked', 'stale', 412],
    ['the caller marked', '*', 200],
    ['somebody else marked', 'none', 428],
    ['somebody else marked', 'present', 200],
    ['somebody else marked', 'listed', 200],
    ['somebody else marked', 'stale', 412],
    ['somebody else marked', 'weak', 412],
    ['somebody else marked', '*', 200],
  ])('whom %s, with a tag that is %s: %i', async (whose, sent, status) => {
    if (whose === 'the caller marked') await done(late);
    if (whose === 'somebody else marked') await done(late, { as: teacher });
    const { etag } = await suggestion();
    const tags: Record<string, string> = {
      present: etag,
      listed: `"marks-0", ${etag}`,
      stale: '"marks-999999"',
      weak: `W/${etag}`,
      '*': '*',
    };
    const tag = tags[sent];
    const answer = await put(excused, tag === undefined ? {} : { ifMatch: tag });
    expect(answer.status).toBe(status);
    const stands = status === 200 ? 'excused' : whose === 'nobody marked' ? null : 'late';
    // What stands is told in any case, with the tag to send.
    expect(answer.body.student_attendance_status).toBe(stands);
    expect(answer.headers.get('etag')).toBe(answer.body.etag);
    expect((await suggestion()).etag).toBe(answer.body.etag);
    expect((await suggestion()).student_attendance_status).toBe(stands);
  });

  test('is asked for in words, and with what it is answered', async () => {
    await done(late, { as: teacher });
    const { headers, body } = await put({ student_attendance_status: null });
    expect(body).toMatchObject({
      type: 'https://rollcall.dev/problems/precondition-required',
      status: 428,
      student_mark: { status: 'late', marked_by: TEACHER },
    });
    expect(body.detail).toContain(`${AMAL} was marked late by ${TEACHER}`);
    expect(body.detail).toContain(`If-Match: ${headers.get('etag')}`);
    const stale = await put(late, { ifMatch: '"marks-0"' });
    expect(stale.body).toMatchObject({
      type: 'https://rollcall.dev/problems/precondition-failed',
      status: 412,
      student_attendance_status: 'late',
    });
  });

  test('is not needed for what somebody else marked the same, nor beside it', async () => {
    await done(late, { as: teacher });
    await done(late);
    await done({ tutor_attendance_status: 'present' });
    expect(await history()).toHaveLength(3);
  });

  test('is needed to change what somebody else has decided the same since', async () => {
    await done(late, { as: teacher });
    await done(late);
    expect((await history()).map((one: Json) => one.marked_by)).toContain('admin@school.example');
    const again = { student_attendance_status: 'present' };
    const refused = await put(again, { as: teacher });
    expect(refused.status).toBe(428);
    await done(again, { as: teacher, ifMatch: refused.headers.get('etag') ?? '' });
  });

  test('is needed to mark whose mark somebody else has withdrawn', async () => {
    await done(late, { as: teacher });
    await done({ student_attendance_status: null }, { ifMatch: '*' });
    const refused = await put(late, { as: teacher });
    expect(refused.status).toBe(428);
    expect(refused.body.detail).toContain(`the mark of ${AMAL} was withdrawn by admin@school.example`);
    await done(late);
  });

  test('is needed for accepting a suggestion over what somebody else marked', async () => {
    await present([TEACHER, AMAL]);
    await done(late);
    expect((await put({ use_suggestion: true }, { as: teacher })).status).toBe(428);
    await done({ use_suggestion: true }, { as: teacher, ifMatch: '*' });
  });

  test('takes the tag of the attendance and of the history too', async () => {
    await done(late, { as: teacher });
    const tags = await Promise.all(
      [`/api/classes/${id}/attendance`, `/api/tutor/sessions/${id}/attendance`].map(
        async (path) => (await app.call('GET', path)).headers.get('etag') ?? '',
      ),
    );
    expect(new Set(tags).size).toBe(1);
    await done(excused, { ifMatch: tags[0] ?? '' });
  });

  test.each([
    ['without a tag', false, 428],
    ['with the same tag', true, 412],
  ])('of two who mark at once %s one is told of the other', async (_, tagged, status) => {
    const { etag } = await suggestion();
    const answers = await Promise.all([
      put(late, tagged ? { ifMatch: etag } : {}),
      put(excused, { as: teacher, ...(tagged ? { ifMatch: etag } : {}) }),
    ]);
    expect(answers.map((one) => one.status).sort()).toEqual([200, status]);
    const [won, lost] = answers[0].status === 200 ? answers : answers.toReversed();
    expect(lost?.body.student_mark).toEqual(won?.body.student_mark);
    expect(await history()).toHaveLength(1);
  });
});

describe('what is missing from a class', () => {
  const codes = ({ missing }: Json): string[] => missing.map((one: Json) => one.code);
  /** The evidence is complete, but somebody was there whom nobody knows. */
  async function doubtful(): Promise<void> {
    const body = {
      source: 'zoom',
      complete: true,
      events: (['joined', 'left'] as const).map((kind) => ({
        ...{ source_event_id: `m${next++}`, kind, identity: `guest of ${id}` },
        at: at(kind === 'joined' ? START_MS : END_MS),
      })),
    };
    await app.call('POST', `/api/classes/${id}/events`, { body });
    await present([TEACHER]);
    await recalculate();
    app.temporal.calls.length = 0;
    app.clock.nowMs += 2 * MINUTE_MS;
  }

  test('is not somebody whom a mark decides: the class waits no longer, and the record is final', async () => {
    await app.owner`update classes set status = 'reconciling', plan_rung_version = plan_version where id = ${id}`;
    await doubtful();
    expect(codes(await attendance())).toEqual(['people_unknown']);
    expect(await isRungBySweeper()).toBe(false);
    expect(await record()).toMatchObject({ status: 'unknown', is_final: false });
    await done({ student_attendance_status: 'absent' });
    expect(await isRungBySweeper()).toBe(true);
    expect([codes(await attendance()), codes(await classNow())]).toEqual([[], []]);
    expect(await record()).toMatchObject({
      status: 'absent',
      calculated_status: 'unknown',
      is_final: true,
      at_least_minutes: 0,
      version: 1,
      mark: { replaced: { status: 'unknown', source: 'calculated' } },
    });
    expect((await recalculate()).body).toEqual(await attendance());
    await done({ student_attendance_status: null });
    expect([codes(await attendance()), codes(await classNow())]).toEqual([
      ['people_unknown'],
      ['people_unknown'],
    ]);
    expect(await record()).toMatchObject({ status: 'unknown', is_final: false });
  });

  test('is not asked of the workflow while something else is missing', async () => {
    await app.owner`update classes set status = 'reconciling' where id = ${id}`;
    await present([TEACHER], false);
    await recalculate();
    app.temporal.calls.length = 0;
    app.clock.nowMs += 2 * MINUTE_MS;
    const before = codes(await classNow());
    expect(before).toContain('people_unknown');
    await done({ student_attendance_status: 'absent' });
    expect(codes(await classNow())).toEqual(before.filter((code) => code !== 'people_unknown'));
    expect(app.temporal.calls).toEqual([]);
    expect(await record()).toMatchObject({ status: 'absent', is_final: false });
  });

  test('changes a settled class between completed and incomplete', async () => {
    await doubtful();
    await settledAs('incomplete');
    await done({ student_attendance_status: 'absent' });
    expect(await classNow()).toMatchObject({ status: 'completed', missing: [] });
    await done({ student_attendance_status: null });
    const after = await classNow();
    expect([after.status, codes(after)]).toEqual(['incomplete', ['people_unknown']]);
    expect(app.temporal.calls).toEqual([]);
    expect(await app.owner`select 1 from calculations where class_id = ${id}`).toHaveLength(1);
  });

  test('is left to the workflow until its first calculation', async () => {
    await app.owner`update classes set status = 'ended' where id = ${id}`;
    await present([TEACHER]);
    app.temporal.calls.length = 0;
    await done({ use_suggestion: true });
    expect(app.temporal.calls).toEqual([]);
    expect(await app.owner`select 1 from calculations where class_id = ${id}`).toHaveLength(0);
  });
});

describe('who may', () => {
  const own = (role: string, sub: string) => token({ role, sub });
  test.each([
    ['admin', ADMIN, 200, 200],
    ['teacher', TEACHER, 200, 200],
    ['teacher', 'other@school.example', 404, 404],
    ['operator', 'operator@school.example', 403, 200],
    ['student', AMAL, 403, 403],
    ['guardian', 'guardian@school.example', 403, 403],
    ['service', 'lms', 403, 403],
  ])('%s %s mark: %i, read the history: %i', async (role, sub, marking, reading) => {
    const as = await own(role, sub);
    expect((await put({ tutor_attendance_status: 'late' }, { as })).status).toBe(marking);
    const { status } = await app.call('GET', `/api/tutor/sessions/${id}/attendance`, { token: as });
    expect(status).toBe(reading);
    expect(await history()).toHaveLength(marking === 200 ? 1 : 0);
  });

  test('nobody of another tenant, to whom the class is not there', async () => {
    const as = await token({ tenant: 'elsewhere' });
    expect((await put({ tutor_attendance_status: 'late' }, { as })).status).toBe(404);
    const read = await app.call('GET', `/api/tutor/sessions/${id}/attendance`, { token: as });
    expect(read.status).toBe(404);
  });
});

describe('under one Idempotency-Key', () => {
  test('a mark is made once and answered the same, with its tag, whatever came between', async () => {
    const body = { student_attendance_status: 'late' };
    const first = await put(body, { key: 'mark' });
    await done({ student_attendance_status: 'excused' });
    const again = await put(body, { key: 'mark' });
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect([again.headers.get('etag'), again.headers.get('idempotent-replayed')]).toEqual([
      first.body.etag,
      'true',
    ]);
    expect((await history()).map(({ status }) => status)).toEqual(['late', 'excused']);
  });

  test('what was refused may be sent again with the tag', async () => {
    await done({ student_attendance_status: 'late' }, { as: teacher });
    const body = { student_attendance_status: 'excused' };
    const { status, headers } = await put(body, { key: 'again' });
    expect(status).toBe(428);
    await done(body, { key: 'again', ifMatch: headers.get('etag') ?? '' });
  });
});

test.each([
  ['nothing', {}, 'body'],
  ['notes alone', { attendance_notes: 'So what?' }, 'body'],
  ['an empty list', { students: [] }, 'body'],
  ['a status that nobody can give', { tutor_attendance_status: 'unknown' }, 'tutor_attendance_status'],
  ['pending', { student_attendance_status: 'pending' }, 'student_attendance_status'],
  ['a word for use_suggestion', { use_suggestion: 'yes' }, 'use_suggestion'],
  ['both ways at once', { use_suggestion: true, tutor_attendance_status: 'late' }, 'tutor_attendance_status'],
  [
    'both ways with a withdrawal',
    { use_suggestion: true, student_attendance_status: null },
    'student_attendance_status',
  ],
  ['both ways with students', { use_suggestion: true, students: [] }, 'students'],
  [
    'long notes',
    { tutor_attendance_status: 'late', attendance_notes: 'x'.repeat(2_001) },
    'attendance_notes',
  ],
  [
    'a bell in the notes',
    { tutor_attendance_status: 'late', attendance_notes: 'ring\u0007' },
    'attendance_notes',
  ],
  ['NUL in the notes', { tutor_attendance_status: 'late', attendance_notes: 'a\0b' }, 'attendance_notes'],
  ['half a character', { tutor_attendance_status: 'late', attendance_notes: '\ud800' }, 'attendance_notes'],
  ['notes that are no text', { tutor_attendance_status: 'late', attendance_notes: 7 }, 'attendance_notes'],
  ['a field nobody knows', { tutor_status: 'late' }, 'tutor_status'],
  ['a student without a status', { students: [{ person_id: STRANGER }] }, 'students[0].attendance_status'],
  [
    'an id that is none',
    { students: [{ person_id: 'amal', attendance_status: 'late' }] },
    'students[0].person_id',
  ],
  ['a stranger', { students: [{ person_id: STRANGER, attendance_status: 'late' }] }, 'students[0].person_id'],
  [
    'one student twice',
    { students: [1, 2].map(() => ({ person_id: STRANGER, attendance_status: 'late' })) },
    'students[1].person_id',
  ],
  [
    'the only student in two ways',
    { student_attendance_status: 'late', students: [{ person_id: STRANGER, attendance_status: 'late' }] },
    'student_attendance_status',
  ],
])('%s is refused and named', async (_, body, field) => {
  const answer = await put(body);
  expect([answer.status, answer.body.errors?.[0].field]).toEqual([422, field]);
  expect(answer.body.errors[0].message).not.toBe('');
  expect(await history()).toEqual([]);
});

test('the tutor is no student, and is told where to be marked', async () => {
  const { person_id } = await record(TEACHER);
  const { status, body } = await put({ students: [{ person_id, attendance_status: 'late' }] });
  expect([status, body.errors]).toEqual([
    422,
    [{ field: 'students[0].person_id', message: 'is the tutor of the class: use tutor_attendance_status' }],
  ]);
});

test('notes keep their lines and their script, and empty ones are none', async () => {
  const attendance_notes = 'حضر متأخرًا\n\tbecause of the 🚌';
  expect((await done({ tutor_attendance_status: 'late', attendance_notes })).attendance_notes).toBe(
    attendance_notes,
  );
  expect(
    (await done({ tutor_attendance_status: 'late', attendance_notes: ' ' })).attendance_notes,
  ).toBeNull();
});

test('any other method is answered with those that there are', async () => {
  const { status, headers } = await app.call('POST', `/api/tutor/sessions/${id}/attendance`);
  expect([status, headers.get('allow')]).toEqual([405, 'PUT, GET']);
});
