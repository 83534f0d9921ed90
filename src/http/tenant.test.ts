import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Json, lesson, startTestApp, type TestApp, token } from './test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.stop());

const patch = (body: unknown) => app.call('PATCH', '/api/tenant', { body });

describe('a tenant', () => {
  test('sets the defaults of its classes to come, and takes them back', async () => {
    const settings = {
      name: 'The School',
      time_zone: 'Africa/Addis_Ababa',
      currency: 'ETB',
      session_type: 'quran',
      provider: 'livekit',
      policy: 'musa',
      poll_seconds: 60,
      room_pattern: 'itqan-academy-{type}-session-{id}',
      identity_form: 'itqan',
    };
    const { status, body } = await patch(settings);
    expect(status).toBe(200);
    expect(body).toEqual({
      tenant_id: 'school',
      open_lead_seconds: 60,
      verify_seconds: 120,
      grace_seconds: 300,
      teacher_missing_after_seconds: 180,
      student_missing_after_seconds: 600,
      ...settings,
    });
    const scheduled = (await app.call('POST', '/api/schedule/class', { body: lesson() })).body;
    expect(scheduled.room_name).toBe(`itqan-academy-quran-session-${scheduled.class_id}`);
    const read = await app.call('GET', `/api/classes/${scheduled.class_id}`);
    expect(read.body).toMatchObject({ policy: 'musa', time_zone: 'Africa/Addis_Ababa', poll_seconds: 60 });
    await patch({ provider: null, policy: null, room_pattern: null });
    expect((await app.call('GET', '/api/tenant')).body).toMatchObject({
      provider: 'meet',
      policy: 'itqan',
      poll_seconds: 60,
      room_pattern: '{tenant}-{session_type}-session-{class_id}',
    });
  });

  test.each([
    [{ time_zone: 'Mars/Olympus' }, 'time_zone', 'IANA'],
    [{ currency: 'XXXX' }, 'currency', 'ISO 4217'],
    [{ policy: 'none' }, 'policy', 'itqan'],
    [{ room_pattern: 'one-room-for-all' }, 'room_pattern', '{class_id}'],
    [{ room_pattern: '{class_id} {teacher}' }, 'room_pattern', 'places'],
    [{ grace_seconds: -1 }, 'grace_seconds', 'from 0'],
    [{ name: null }, 'name', 'string'],
    [{ colour: 'red' }, 'colour', 'time_zone'],
  ])('is not set to %j', async (body, field, accepted) => {
    const answer = await patch(body);
    expect([answer.status, answer.body.errors[0].field]).toEqual([422, field]);
    expect(answer.body.errors.map((one: Json) => one.message).join()).toContain(accepted);
  });
});

describe('policies', () => {
  const add = (body: unknown, bearer?: string) =>
    app.call('POST', '/api/policies', { body, ...(bearer === undefined ? {} : { token: bearer }) });
  const policy = { name: 'strict', preset: 'itqan', effective_from: '2026-01-01', late_after_minutes: 2.5 };

  test('are added version by version and never changed', async () => {
    const first = await add(policy);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ ...policy, version: 1, created_by: 'admin@school.example' });
    expect((await add({ ...policy, late_after_minutes: 5 })).body.version).toBe(2);
    const { body } = await app.call('GET', '/api/policies?limit=1');
    expect(body.items).toEqual([first.body]);
    const rest = await app.call('GET', `/api/policies?cursor=${body.next_cursor}`);
    expect(rest.body.items.map((one: Json) => [one.version, one.late_after_minutes])).toEqual([[2, 5]]);
  });

  test('added at once get versions of their own', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => add({ ...policy, name: 'at once' })));
    expect(answers.map((one) => one.body.version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('belong to their tenant', async () => {
    const bearer = await token({ tenant: 'other' });
    expect((await app.call('GET', '/api/policies', { token: bearer })).body.items).toEqual([]);
    expect((await add(policy, bearer)).body.version).toBe(1);
  });

  test.each([
    [{ preset: 'kind' }, 'preset', 'itqan'],
    [{ effective_from: '2026-02-30' }, 'effective_from', 'YYYY-MM-DD'],
    [{ effective_from: '9999-12-31' }, 'effective_from', '2000 and 2100'],
    [{ name: 'itqan', preset: 'musa' }, 'name', 'another name'],
    [{ late_after_minutes: -1 }, 'late_after_minutes', 'from 0'],
    [{ late_after_minutes: '5' }, 'late_after_minutes', 'number'],
    [{ absent_below_percent: 60 }, 'absent_below_percent', 'partial_up_to_percent'],
    [{ empty_settles_after_hours: 200 }, 'empty_settles_after_hours', '168'],
    [{ present_below_percent: 5 }, 'present_below_percent', 'present_above_percent'],
    [{ name: '' }, 'name', '1 to 100'],
  ])('with %j are refused and named', async (change, field, accepted) => {
    const before = await app.count('policies');
    const answer = await add({ ...policy, name: 'wrong', ...change });
    expect([answer.status, answer.body.errors[0].field]).toEqual([422, field]);
    expect(answer.body.errors[0].message).toContain(accepted);
    expect(await app.count('policies')).toBe(before);
  });
});
