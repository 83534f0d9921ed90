import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
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

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.stop());
beforeEach(() => {
  app.clock.nowMs = HOUR_BEFORE_MS;
  app.temporal.running = true;
  app.temporal.trouble = 'none';
});

const END_MS = START_MS + 40 * MINUTE_MS;

async function scheduled(change = {}): Promise<string> {
  const { body } = await app.call('POST', '/api/schedule/class', { body: lesson(change) });
  app.temporal.calls.length = 0;
  return body.class_id;
}
const patch = (id: string, body: unknown) => app.call('PATCH', `/api/classes/${id}`, { body });
const set = (id: string, status: string) => app.owner`update classes set status = ${status} where id = ${id}`;
const row = async (id: string): Promise<Json> => (await app.owner`select * from classes where id = ${id}`)[0];

describe('reading', () => {
  test('a class shows its roster, the teacher first', async () => {
    const id = await scheduled({ external_id: 'shown' });
    const { status, body } = await app.call('GET', `/api/classes/${id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      class_id: id,
      session_id: id,
      subject: 'Algebra',
      external_id: 'shown',
      missing: [],
    });
    expect(body.roster).toEqual([
      { person_id: expect.any(String), email: 'teacher@school.example', name: 'teacher', role: 'teacher' },
      { person_id: expect.any(String), email: 'amal@school.example', name: 'amal', role: 'student' },
      { person_id: expect.any(String), email: 'basil@school.example', name: 'basil', role: 'student' },
    ]);
  });

  test('an open class is active once the clock has passed its start', async () => {
    const id = await scheduled();
    await set(id, 'open');
    const status = async (): Promise<string> => (await app.call('GET', `/api/classes/${id}`)).body.status;
    expect(await status()).toBe('open');
    app.clock.nowMs = START_MS;
    expect(await status()).toBe('active');
    await set(id, 'scheduled');
    expect(await status()).toBe('scheduled');
  });

  test.each([
    '/api/classes/no-uuid',
    '/api/classes/00000000-0000-4000-8000-000000000000',
    '/api/classes/%00',
  ])('%s is not there', async (path) => {
    expect(await app.call('GET', path)).toMatchObject({
      status: 404,
      body: { type: 'https://rollcall.dev/problems/not-found' },
    });
  });

  test("a teacher sees own classes only, by address or person id; another's is as if it did not exist", async () => {
    const mine = await scheduled({ teacher_email: 'tala@school.example' });
    const theirs = await scheduled({ teacher_email: 'umar@school.example' });
    const seen = await app.call('GET', `/api/classes/${mine}`);
    const personId = seen.body.roster[0].person_id;
    for (const sub of ['Tala@school.example', personId]) {
      const teacher = await token({ sub, role: 'teacher' });
      const list = await app.call('GET', '/api/classes', { token: teacher });
      expect(list.body.items.map((one: Json) => one.class_id)).toEqual([mine]);
      expect((await app.call('GET', `/api/classes/${mine}`, { token: teacher })).status).toBe(200);
      expect((await app.call('GET', `/api/classes/${theirs}`, { token: teacher })).status).toBe(404);
      expect((await app.call('GET', `/api/classes/${theirs}/attendance`, { token: teacher })).status).toBe(
        404,
      );
    }
  });
});

test('a class belongs to the teacher who replaced another, and no longer to that one', async () => {
  const id = await scheduled({ teacher_email: 'first@school.example' });
  await patch(id, { teacher_email: 'second@school.example' });
  const { body } = await app.call('GET', `/api/classes/${id}`);
  const [second] = body.roster;
  for (const [sub, found] of [
    ['first@school.example', 404],
    ['SECOND@School.Example', 200],
    [second.person_id.toUpperCase(), 200],
  ] as const) {
    const teacher = await token({ sub, role: 'teacher' });
    for (const path of ['', '/attendance']) {
      const { status } = await app.call('GET', `/api/classes/${id}${path}`, { token: teacher });
      expect([sub, path, status]).toEqual([sub, path, found]);
    }
    const listed = (await app.call('GET', '/api/classes', { token: teacher })).body.items;
    expect(listed.map((one: Json) => one.class_id)).toEqual(found === 200 ? [id] : []);
  }
});

describe('listing', () => {
  let other: string;
  beforeAll(async () => {
    other = await token({ tenant: 'lists' });
    for (let day = 0; day < 5; day++) {
      const body = lesson({
        start_time: at(START_MS + day * 1_440 * MINUTE_MS),
        student_emails: [`s${day}@x.example`],
      });
      await app.call('POST', '/api/schedule/class', { token: other, body });
    }
  });
  const list = (query: string) => app.call('GET', `/api/classes?${query}`, { token: other });

  test('pages follow one another without gap or repetition', async () => {
    const starts: string[] = [];
    let cursor = '';
    do {
      const { body } = await list(`limit=2${cursor}`);
      starts.push(...body.items.map((one: Json) => one.start_time));
      cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
    } while (cursor !== '');
    expect(starts).toEqual([0, 1, 2, 3, 4].map((day) => at(START_MS + day * 1_440 * MINUTE_MS)));
  });

  test.each([
    ['status=scheduled', 5],
    ['status=active', 0],
    ['date=2026-09-08', 1],
    ['from=2026-09-08T00:00:00Z&to=2026-09-10T00:00:00Z', 2],
    ['from=2026-09-08T00:00:00%2B03:00', 4],
    ['student=S3@x.example', 1],
    ['teacher=teacher@school.example&student=s0@x.example', 1],
    ['teacher=nobody@school.example', 0],
  ])('%s finds %i', async (query, found) => {
    const { status, body } = await list(query);
    expect(status).toBe(200);
    expect(body.items).toHaveLength(found);
  });

  test("a date is a day in the tenant's zone", async () => {
    await app.call('PATCH', '/api/tenant', { token: other, body: { time_zone: 'Pacific/Kiritimati' } });
    const { body } = await list('date=2026-09-07');
    await app.call('PATCH', '/api/tenant', { token: other, body: { time_zone: 'UTC' } });
    expect(body.items.map((one: Json) => one.start_time)).toEqual(['2026-09-07T09:00:00.000Z']);
  });

  test.each([
    ['limit=0', 'limit', 'from 1 to 200'],
    ['limit=201', 'limit', 'from 1 to 200'],
    ['limit=many', 'limit', 'number'],
    ['limit=0x10', 'limit', 'whole number from 1 to 200'],
    ['limit=1e1', 'limit', 'whole number from 1 to 200'],
    ['limit=', 'limit', 'whole number from 1 to 200'],
    ['limit=1&limit=2', 'limit', 'must be a whole number from 1 to 200, once'],
    ['cursor=a&cursor=b', 'cursor', 'next_cursor'],
    ['cursor=nonsense', 'cursor', 'next_cursor'],
    [`cursor=${Buffer.from('["events","1"]').toString('base64url')}`, 'cursor', 'next_cursor'],
    [`cursor=${Buffer.from('["classes",9e99,"x"]').toString('base64url')}`, 'cursor', 'next_cursor'],
    ['status=asleep', 'status', 'active'],
    ['date=2026-02-30', 'date', 'YYYY-MM-DD'],
    ['date=9999-12-31', 'date', '2000 and 2100'],
    ['date=0000-01-01', 'date', '2000 and 2100'],
    ['date=2100-01-01', 'date', '2000 and 2100'],
    ['to=2100-01-01T00:00:00Z', 'to', '2000 and 2100'],
    ['from=yesterday', 'from', 'ISO 8601'],
    ['date=2026-09-07&from=2026-09-07T00:00:00Z', 'date', 'either'],
    ['teacher=me', 'teacher', 'e-mail'],
    ['teacher=%00', 'teacher', 'NUL'],
    ['studnet=x', 'studnet', 'accepted are status, date'],
    ['status=open&status=open', 'status', 'expected'],
  ])('%s is refused and named', async (query, field, accepted) => {
    const { status, body } = await list(query);
    expect(status).toBe(422);
    expect(body.errors[0].field).toBe(field);
    expect(body.errors[0].message).toContain(accepted);
  });
});

describe('rescheduling', () => {
  test('before the start everything moves, and the workflow is told', async () => {
    const id = await scheduled();
    const { status, body } = await patch(id, {
      start_time: at(START_MS + 60 * MINUTE_MS),
      duration_minutes: 30,
      subject: 'Geometry',
      teacher_email: 'new-teacher@school.example',
      student_emails: ['dana@school.example', 'amal@school.example'],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      start_time: '2026-09-07T10:00:00.000Z',
      end_time: '2026-09-07T10:30:00.000Z',
      subject: 'Geometry',
    });
    expect(body.roster.map((one: Json) => [one.role, one.email])).toEqual([
      ['teacher', 'new-teacher@school.example'],
      ['student', 'amal@school.example'],
      ['student', 'dana@school.example'],
    ]);
    expect(app.temporal.calls).toEqual([`plan school/${id}`]);
    expect(await row(id)).toMatchObject({ plan_version: 2, plan_rung_version: 2 });
  });

  test('before the start the place, the policy, the zone and the timings change too', async () => {
    const id = await scheduled({ meeting_code: 'abc-mnop-xyz' });
    const wanted = {
      meeting_code: 'xyz-mnop-abc',
      policy: 'musa',
      session_type: 'quran',
      time_zone: 'Africa/Addis_Ababa',
      open_lead_seconds: 5,
      poll_seconds: 6,
      verify_seconds: 7,
      grace_seconds: 8,
    };
    const { status, body } = await patch(id, wanted);
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...wanted, meeting_uri: 'https://meet.google.com/xyz-mnop-abc' });
    expect(app.temporal.calls).toEqual([`plan school/${id}`]);
    expect(await row(id)).toMatchObject({ plan_version: 2, meeting_code: 'xyz-mnop-abc' });
    expect((await patch(id, wanted)).status).toBe(200);
    expect(await row(id)).toMatchObject({ plan_version: 2 });
  });

  describe('the place', () => {
    const session = async (id: string): Promise<Json> =>
      (await app.owner`select * from sessions where class_id = ${id}`)[0];
    const empty = { space_name: null, meeting_code: null, meeting_uri: null, organizer_person_id: null };
    const opened = async (change = {}): Promise<string> => {
      const id = await scheduled(change);
      await app.owner`update sessions set space_name = 'spaces/1', meeting_code = 'old-code-xyz',
        meeting_uri = 'https://meet.google.com/old-code-xyz',
        organizer_person_id = (select id from people where tenant_id = 'school' limit 1) where class_id = ${id}`;
      await app.owner`update classes set capture_problem = '{"code": "x", "message": "x", "since": "2026-09-07T08:00:00.000Z"}'
        where id = ${id}`;
      return id;
    };

    test('that moves to LiveKit has a room by the pattern of the tenant and no space', async () => {
      const id = await opened({ meeting_code: 'abc-mnop-xyz', session_type: 'quran' });
      const { body } = await patch(id, { provider: 'livekit' });
      expect(body).toMatchObject({ provider: 'livekit', room_name: `school-quran-session-${id}` });
      expect(body).not.toHaveProperty('meeting_uri');
      expect(body.capture_problem).toBeNull();
      expect(await session(id)).toMatchObject(empty);
      expect(await row(id)).toMatchObject({ meeting_code: null });
    });

    test('that moves back to Meet waits for a space', async () => {
      const id = await scheduled({ provider: 'livekit' });
      const { body } = await patch(id, { provider: 'meet' });
      expect(body).not.toHaveProperty('room_name');
      expect(await session(id)).toMatchObject({ ...empty, room_name: null });
    });

    test('with another meeting code forgets the space', async () => {
      const id = await opened();
      await patch(id, { meeting_code: 'xyz-mnop-abc' });
      const uri = 'https://meet.google.com/xyz-mnop-abc';
      const changed = { ...empty, meeting_code: 'xyz-mnop-abc', meeting_uri: uri };
      expect(await session(id)).toMatchObject(changed);
      await patch(id, { meeting_code: null });
      expect(await session(id)).toMatchObject(empty);
    });

    test('stays when something else changes', async () => {
      const id = await opened();
      await patch(id, { provider: 'meet', session_type: 'quran', poll_seconds: 5 });
      expect(await session(id)).toMatchObject({ space_name: 'spaces/1', meeting_code: 'old-code-xyz' });
    });
  });

  test.each([
    [{ meeting_code: 'abc-mnop-xyz', provider: 'livekit' }, 'meeting_code', 'provider meet'],
    [{ meeting_code: 'abc' }, 'meeting_code', 'abc-mnop-xyz'],
    [{ policy: 'generous' }, 'policy', 'accepted are itqan'],
    [{ provider: 'zoom' }, 'provider', 'livekit'],
    [{ time_zone: 'Mars/Olympus' }, 'time_zone', 'IANA'],
    [{ session_type: 'a b' }, 'session_type', 'a-z'],
    [{ grace_seconds: -1 }, 'grace_seconds', 'from 0'],
  ])('to %j is refused and named', async (change, field, accepted) => {
    const id = await scheduled();
    const { status, body } = await patch(id, change);
    expect([status, body.errors[0].field]).toEqual([422, field]);
    expect(body.errors[0].message).toContain(accepted);
    expect(await row(id)).toMatchObject({ plan_version: 1 });
  });

  test.each([
    { meeting_code: 'abc-mnop-xyz' },
    { provider: 'livekit' },
    { policy: 'musa' },
    { session_type: 'quran' },
    { time_zone: 'Asia/Riyadh' },
    { open_lead_seconds: 1 },
    { poll_seconds: 1 },
    { verify_seconds: 1 },
    { grace_seconds: 1 },
  ])('of a class that has begun to %j is refused', async (change) => {
    const id = await scheduled();
    await set(id, 'open');
    app.clock.nowMs = START_MS + MINUTE_MS;
    expect((await patch(id, change)).status).toBe(409);
  });

  test('a new start alone keeps the length', async () => {
    const id = await scheduled();
    const { body } = await patch(id, { start_time: at(START_MS + 5 * MINUTE_MS) });
    expect(body.end_time).toBe(at(END_MS + 5 * MINUTE_MS));
  });

  test('a class that was opened and moves far ahead is to be opened again', async () => {
    const id = await scheduled();
    await app.owner`update classes set status = 'open', opened_at = now() where id = ${id}`;
    const { body } = await patch(id, { start_time: at(START_MS + 1_440 * MINUTE_MS) });
    expect([body.status, body.opened_at]).toEqual(['scheduled', null]);
  });

  test('an earlier day than that of its policy is refused', async () => {
    const policy = { name: 'from-september', preset: 'itqan', effective_from: '2026-09-01' };
    await app.call('POST', '/api/policies', { body: policy });
    const id = await scheduled({ policy: 'from-september' });
    const { status, body } = await patch(id, { start_time: '2026-08-31T09:00:00Z' });
    expect([status, body.errors[0].field]).toEqual([422, 'start_time']);
  });

  test('a change that changes nothing rings nobody', async () => {
    const id = await scheduled();
    expect((await patch(id, { subject: 'Algebra', duration_minutes: 40 })).status).toBe(200);
    expect((await patch(id, {})).status).toBe(200);
    expect(app.temporal.calls).toEqual([]);
    expect(await row(id)).toMatchObject({ plan_version: 1 });
  });

  test('a class whose workflow is missing gets one', async () => {
    const id = await scheduled();
    app.temporal.running = false;
    await patch(id, { subject: 'Geometry' });
    expect(app.temporal.calls).toEqual([`plan school/${id}`, `start school/${id}`]);
    expect(await row(id)).toMatchObject({ plan_version: 2, plan_rung_version: 2 });
  });

  test('a class that settles as it is rung gets no workflow', async () => {
    const id = await scheduled();
    vi.spyOn(app.temporal, 'ring').mockImplementationOnce(async () => {
      await app.owner`update classes set settled_at = now(), status = 'cancelled' where id = ${id}`;
      return false;
    });
    await patch(id, { subject: 'Geometry' });
    expect(app.temporal.calls).toEqual([]);
  });

  test('while Temporal is away the plan is kept for the sweeper', async () => {
    const id = await scheduled();
    app.temporal.trouble = 'down';
    expect((await patch(id, { subject: 'Geometry' })).status).toBe(200);
    expect(await row(id)).toMatchObject({ plan_version: 2, plan_rung_version: 1 });
  });

  test('while active the end moves, to now or later, and nothing else does', async () => {
    const id = await scheduled();
    await set(id, 'open');
    app.clock.nowMs = START_MS + 10 * MINUTE_MS;
    expect((await patch(id, { end_time: at(END_MS + 20 * MINUTE_MS) })).body.end_time).toBe(
      at(END_MS + 20 * MINUTE_MS),
    );
    expect((await patch(id, { duration_minutes: 50 })).body.end_time).toBe(at(START_MS + 50 * MINUTE_MS));
    expect((await patch(id, { start_time: at(START_MS + MINUTE_MS) })).status).toBe(409);
    expect((await patch(id, { student_emails: ['dana@school.example'] })).status).toBe(409);
    const tooEarly = await patch(id, { end_time: at(START_MS + 2 * MINUTE_MS) });
    expect([tooEarly.status, tooEarly.body.errors[0].field]).toEqual([422, 'end_time']);
    const now = await patch(id, { end_time: at(app.clock.nowMs - 300) });
    expect(now.body.end_time).toBe(at(app.clock.nowMs));
    expect((await patch(id, { end_time: at(END_MS) })).status).toBe(409);
  });

  test('while active what is repeated as it is does not stand in the way of a later end', async () => {
    const id = await scheduled();
    await set(id, 'open');
    app.clock.nowMs = START_MS + 10 * MINUTE_MS;
    const asItIs = lesson({
      start_time: '2026-09-07T12:00:00+03:00',
      student_emails: ['basil@school.example', 'amal@school.example'],
      provider: 'meet',
      meeting_code: null,
      policy: 'itqan',
      poll_seconds: 180,
    });
    const longer = { ...asItIs, duration_minutes: 60 };
    expect((await patch(id, longer)).body.end_time).toBe(at(START_MS + 60 * MINUTE_MS));
    expect((await patch(id, longer)).status).toBe(200);
    expect(await row(id)).toMatchObject({ plan_version: 2 });
    for (const change of [
      { subject: 'Geometry' },
      { start_time: at(START_MS - 30 * MINUTE_MS), duration_minutes: 10 },
    ]) {
      const { status, body } = await patch(id, { ...longer, ...change });
      expect([status, body.detail]).toEqual([409, 'the class has begun; only its end can still be changed']);
    }
    expect(await row(id)).toMatchObject({ plan_version: 2, subject: 'Algebra' });
  });

  test('the end of a musa class is the end of its overrun', async () => {
    const id = await scheduled({ policy: 'musa' });
    await set(id, 'open');
    app.clock.nowMs = END_MS + 20 * MINUTE_MS;
    expect((await patch(id, { end_time: at(END_MS + 25 * MINUTE_MS) })).status).toBe(200);
    app.clock.nowMs = END_MS + 60 * MINUTE_MS;
    expect((await patch(id, { end_time: at(END_MS + 90 * MINUTE_MS) })).status).toBe(409);
  });

  test.each(['ended', 'reconciling', 'completed', 'incomplete', 'cancelled'])(
    '%s is too late',
    async (status) => {
      const id = await scheduled();
      await set(id, status);
      const { status: answered, body } = await patch(id, { subject: 'Geometry' });
      expect([answered, body.type]).toEqual([409, 'https://rollcall.dev/problems/conflict']);
      expect(await row(id)).toMatchObject({ subject: 'Algebra', plan_version: 1 });
    },
  );

  test('a scheduling rule holds for the roster as it would become', async () => {
    const id = await scheduled();
    const { status, body } = await patch(id, { teacher_email: 'amal@school.example' });
    expect([status, body.errors[0].field]).toEqual([422, 'teacher_email']);
  });

  test('ten changes at once all count', async () => {
    const id = await scheduled();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => patch(id, { start_time: at(START_MS + (n + 1) * MINUTE_MS) })),
    );
    expect(answers.every((one) => one.status === 200)).toBe(true);
    expect(await row(id)).toMatchObject({ plan_version: 11, plan_rung_version: 11 });
  });
});

describe('cancelling', () => {
  const cancel = (id: string, body: unknown) => app.call('POST', `/api/classes/${id}/cancel`, { body });

  test('keeps the reason and tells the workflow', async () => {
    const id = await scheduled();
    const { status, body } = await cancel(id, { reason: 'snow' });
    expect([status, body.status, body.cancel_reason]).toEqual([200, 'cancelled', 'snow']);
    expect(body.cancelled_at).toBe(at(HOUR_BEFORE_MS));
    expect(app.temporal.calls).toEqual([`plan school/${id}`]);
    expect((await cancel(id, { reason: 'again' })).status).toBe(409);
  });

  test('works until the class is settled', async () => {
    const late = await scheduled();
    await set(late, 'reconciling');
    expect((await cancel(late, { reason: 'it was never held' })).status).toBe(200);
    const settled = await scheduled();
    await app.owner`update classes set status = 'completed', settled_at = now() where id = ${settled}`;
    expect((await cancel(settled, { reason: 'too late' })).status).toBe(409);
  });

  test('needs a reason', async () => {
    const { status, body } = await cancel(await scheduled(), {});
    expect([status, body.errors[0].field]).toEqual([422, 'reason']);
  });
});
