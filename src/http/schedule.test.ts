import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { at, lesson, MINUTE_MS, START_MS, startTestApp, type TestApp, token } from './test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.stop());
beforeEach(() => {
  app.temporal.calls.length = 0;
  app.temporal.trouble = 'none';
});

const schedule = (body: unknown, headers = {}) => app.call('POST', '/api/schedule/class', { body, headers });

describe('scheduling', () => {
  test('answers what other systems read, and starts the workflow after the commit', async () => {
    const { status, body } = await schedule(lesson({ meeting_code: 'abc-mnop-xyz' }));
    expect(status).toBe(201);
    expect(body).toEqual({
      class_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      session_id: body.class_id,
      workflow_id: `class/school/${body.class_id}`,
      status: 'scheduled',
      start_time: '2026-09-07T09:00:00.000Z',
      end_time: '2026-09-07T09:40:00.000Z',
      provider: 'meet',
      meeting_uri: 'https://meet.google.com/abc-mnop-xyz',
    });
    expect(app.temporal.calls).toEqual([`start school/${body.class_id}`]);
    const [row] = await app.owner`select workflow_started_at from classes where id = ${body.class_id}`;
    expect(row?.workflow_started_at).not.toBeNull();
  });

  test('people are known by their address in whatever case, and created once', async () => {
    await schedule(lesson({ student_emails: ['New.Person@School.Example'] }));
    await schedule(lesson({ student_emails: ['new.person@school.example'] }));
    const rows = await app.owner`select email, name from people where email = 'new.person@school.example'`;
    expect([...rows]).toEqual([{ email: 'new.person@school.example', name: 'new.person' }]);
  });

  test('a LiveKit class gets a room named by the pattern of the tenant', async () => {
    const { body } = await schedule(lesson({ provider: 'livekit', session_type: 'quran' }));
    expect(body.room_name).toBe(`school-quran-session-${body.class_id}`);
  });

  test.each([
    ['duration_seconds', { duration_minutes: undefined, duration_seconds: 20 }, 20_000],
    ['end_time', { duration_minutes: undefined, end_time: '2026-09-07T12:00:00+02:00' }, 60 * MINUTE_MS],
    ['a start with an offset', { start_time: '2026-09-07T14:30:00+05:30' }, 40 * MINUTE_MS],
    ['a start in the past', { start_time: at(START_MS - 600 * MINUTE_MS) }, 40 * MINUTE_MS],
  ])('takes %s', async (_title, change, lengthMs) => {
    const { status, body } = await schedule(lesson(change));
    expect(status).toBe(201);
    expect(Date.parse(body.end_time) - Date.parse(body.start_time)).toBe(lengthMs);
  });

  test('a class keeps timings of its own', async () => {
    const { body } = await schedule(lesson({ poll_seconds: 2, grace_seconds: 0 }));
    const read = await app.call('GET', `/api/classes/${body.class_id}`);
    expect(read.body).toMatchObject({
      poll_seconds: 2,
      grace_seconds: 0,
      verify_seconds: 120,
      open_lead_seconds: 60,
    });
  });

  test.each(['down', 'silent'] as const)(
    'succeeds while Temporal is %s; the sweeper starts it later',
    async (trouble) => {
      app.temporal.trouble = trouble;
      const startedMs = performance.now();
      const { status, body } = await schedule(lesson());
      expect(status).toBe(201);
      expect(performance.now() - startedMs).toBeLessThan(2_600);
      const [row] = await app.owner`select workflow_started_at from classes where id = ${body.class_id}`;
      expect(row?.workflow_started_at).toBeNull();
    },
  );

  test('a policy of the tenant must hold on the day of the class', async () => {
    const policy = { name: 'strict', preset: 'itqan', effective_from: '2026-09-10', late_after_minutes: 1 };
    await app.call('POST', '/api/policies', { body: policy });
    const early = await schedule(lesson({ policy: 'strict' }));
    expect(early.status).toBe(422);
    expect(early.body.errors[0]).toMatchObject({ field: 'policy' });
    expect((await schedule(lesson({ policy: 'strict', start_time: '2026-09-10T09:00:00Z' }))).status).toBe(
      201,
    );
  });
});

describe('external_id', () => {
  test('twenty at once make one class', async () => {
    const before = await app.count('classes');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => schedule(lesson({ external_id: 'at-once' }))),
    );
    expect(answers.map((one) => one.status).sort()).toEqual([...Array(19).fill(200), 201]);
    expect(new Set(answers.map((one) => one.body.class_id)).size).toBe(1);
    expect(await app.count('classes')).toBe(before + 1);
  });

  test('the same request in other words is the same request', async () => {
    const first = await schedule(lesson({ external_id: 'words' }));
    const again = await schedule(
      lesson({
        external_id: 'words',
        student_emails: ['BASIL@school.example', 'amal@school.example'],
        start_time: '2026-09-07T11:00:00+02:00',
        duration_minutes: undefined,
        duration_seconds: 2_400,
        provider: 'meet',
      }),
    );
    expect([again.status, again.body]).toEqual([200, first.body]);
  });

  test('another request is told where it differs', async () => {
    const first = await schedule(lesson({ external_id: 'differs' }));
    const other = await schedule(
      lesson({ external_id: 'differs', subject: 'Physics', duration_minutes: 50 }),
    );
    expect(other.status).toBe(409);
    expect(other.body).toMatchObject({
      type: 'https://rollcall.dev/problems/conflict',
      class_id: first.body.class_id,
      differences: [
        { field: 'end_time', existing: '2026-09-07T09:40:00.000Z', requested: '2026-09-07T09:50:00.000Z' },
        { field: 'subject', existing: 'Algebra', requested: 'Physics' },
      ],
    });
  });

  test('a change of the defaults does not make the same request another', async () => {
    const first = await schedule(lesson({ external_id: 'defaults' }));
    await app.call('PATCH', '/api/tenant', { body: { poll_seconds: 30 } });
    const again = await schedule(lesson({ external_id: 'defaults' }));
    await app.call('PATCH', '/api/tenant', { body: { poll_seconds: null } });
    expect([again.status, again.body.class_id]).toEqual([200, first.body.class_id]);
  });

  test('stands for the class as it is now, not as it was first asked for', async () => {
    const first = lesson({ external_id: 'follows', student_emails: ['amal@school.example'] });
    const { class_id: id } = (await schedule(first)).body;
    const change = {
      start_time: at(START_MS + 60 * MINUTE_MS),
      duration_minutes: 30,
      subject: 'Geometry',
      teacher_email: 'dana@school.example',
      student_emails: ['basil@school.example', 'amal@school.example'],
      provider: 'livekit',
      grace_seconds: 20,
    };
    expect((await app.call('PATCH', `/api/classes/${id}`, { body: change })).status).toBe(200);
    const present = await schedule({ ...first, ...change });
    expect([present.status, present.body.class_id]).toEqual([200, id]);
    const old = await schedule(first);
    expect([old.status, old.body.class_id]).toEqual([409, id]);
    const fields = old.body.differences.map((one: { field: string }) => one.field);
    expect(fields).toEqual([
      ...['end_time', 'grace_seconds', 'provider', 'start_time', 'student_emails', 'subject'],
      'teacher_email',
    ]);
    expect(old.body.differences[0]).toEqual({
      field: 'end_time',
      existing: at(START_MS + 90 * MINUTE_MS),
      requested: at(START_MS + 40 * MINUTE_MS),
    });
  });

  test('of a cancelled class still stands for it', async () => {
    const { body } = await schedule(lesson({ external_id: 'snow' }));
    await app.call('POST', `/api/classes/${body.class_id}/cancel`, { body: { reason: 'snow' } });
    const again = await schedule(lesson({ external_id: 'snow' }));
    expect([again.status, again.body.class_id, again.body.status]).toEqual([200, body.class_id, 'cancelled']);
  });

  test('belongs to the tenant', async () => {
    const first = await schedule(lesson({ external_id: 'mine' }));
    const theirs = await app.call('POST', '/api/schedule/class', {
      body: lesson({ external_id: 'mine' }),
      token: await token({ tenant: 'other' }),
    });
    expect(theirs.status).toBe(201);
    expect(theirs.body.class_id).not.toBe(first.body.class_id);
  });
});
