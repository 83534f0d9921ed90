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
} from './test-app.ts';

const END_MS = START_MS + 40 * MINUTE_MS;

let app: TestApp;
let id: string;
let next = 0;
beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/api/sources', { body: { name: 'zoom', kind: 'in_call' } });
});
afterAll(() => app.stop());
beforeEach(async () => {
  app.clock.nowMs = HOUR_BEFORE_MS;
  id = (await app.call('POST', '/api/schedule/class', { body: lesson() })).body.class_id;
});

const evidence = (who: object, kind: string, atMs: number) =>
  app.call('POST', `/api/classes/${id}/events`, {
    body: { source: 'zoom', events: [{ source_event_id: `a${next++}`, kind, at: at(atMs), ...who }] },
  });
const attendance = (query = '') => app.call('GET', `/api/classes/${id}/attendance${query}`);
const amal = { email: 'amal@school.example' };

/** Product §8: these names, and no others. */
const RECORD_FIELDS = [
  ...['calculated_status', 'mark'],
  ...['person_id', 'email', 'name', 'role', 'status', 'is_final', 'confidence', 'source', 'present_seconds'],
  ...['bridged_seconds', 'duration_minutes', 'attendance_percentage', 'first_join', 'last_leave'],
  ...[
    'lateness_seconds',
    'is_late',
    'late_minutes',
    'early_leave_seconds',
    'interruptions',
    'paired_seconds',
  ],
  ...[
    'waiting_seconds',
    'active_seconds',
    'flags',
    'policy',
    'version',
    'inputs_hash',
    'explanation',
    'event_ids',
  ],
];

describe('attendance', () => {
  test('before the first calculation everybody is pending and the figures are live', async () => {
    app.clock.nowMs = START_MS + 10 * MINUTE_MS;
    await evidence(amal, 'joined', START_MS);
    const { status, body } = await attendance();
    expect(status).toBe(200);
    expect(Object.keys(body)).toEqual(['class_id', 'status', 'is_complete', 'missing', 'records', 'etag']);
    const record = body.records.find((one: Json) => one.email === amal.email);
    expect(Object.keys(record).sort()).toEqual([...RECORD_FIELDS].sort());
    expect(record).toMatchObject({
      name: 'amal',
      role: 'student',
      status: 'pending',
      calculated_status: 'pending',
      mark: null,
      source: 'system_default',
      is_final: false,
      confidence: null,
      present_seconds: 600,
      duration_minutes: 10,
      first_join: at(START_MS),
      last_leave: null,
      policy: { preset: 'itqan', version: 0 },
      version: null,
      inputs_hash: null,
    });
  });

  test('is calculated on request, once for the same facts', async () => {
    app.clock.nowMs = END_MS + 10 * MINUTE_MS;
    await evidence(amal, 'joined', START_MS);
    await evidence(amal, 'left', END_MS);
    const first = await app.call('POST', `/api/classes/${id}/recalculate`);
    expect(first.status).toBe(200);
    const record = first.body.records.find((one: Json) => one.email === amal.email);
    expect(record).toMatchObject({
      status: 'present',
      source: 'calculated',
      version: 1,
      present_seconds: 2_400,
    });
    expect(record.event_ids).toHaveLength(2);
    expect(record.inputs_hash).toMatch(/^[0-9a-f]{64}$/);
    const again = await app.call('POST', `/api/classes/${id}/recalculate`, { body: {} });
    expect(again.body).toEqual(first.body);
    expect((await attendance()).body).toEqual(first.body);
    expect((await attendance('?version=1')).body).toEqual(first.body);
  });

  test('of a version that is not there is not there', async () => {
    expect((await attendance('?version=7')).status).toBe(404);
    const { status, body } = await attendance('?version=latest');
    expect([status, body.errors[0].field]).toEqual([422, 'version']);
  });

  test('is not calculated before the end, nor for a cancelled class', async () => {
    app.clock.nowMs = START_MS + MINUTE_MS;
    expect((await app.call('POST', `/api/classes/${id}/recalculate`)).status).toBe(409);
    await app.call('POST', `/api/classes/${id}/cancel`, { body: { reason: 'snow' } });
    app.clock.nowMs = END_MS + MINUTE_MS;
    expect((await app.call('POST', `/api/classes/${id}/recalculate`)).status).toBe(409);
    expect(await app.owner`select 1 from calculations where class_id = ${id}`).toHaveLength(0);
  });

  test('is not calculated while the overrun of a musa class lasts', async () => {
    id = (await app.call('POST', '/api/schedule/class', { body: lesson({ policy: 'musa' }) })).body.class_id;
    app.clock.nowMs = END_MS + 29 * MINUTE_MS;
    expect((await app.call('POST', `/api/classes/${id}/recalculate`)).status).toBe(409);
    app.clock.nowMs = END_MS + 30 * MINUTE_MS;
    expect((await app.call('POST', `/api/classes/${id}/recalculate`)).status).toBe(200);
  });

  test('can be asked for under another version of its policy', async () => {
    const policy = { name: 'own', preset: 'itqan', effective_from: '2026-01-01' };
    await app.call('POST', '/api/policies', { body: policy });
    await app.call('POST', '/api/policies', {
      body: { ...policy, effective_from: '2026-12-01', late_after_minutes: 1 },
    });
    id = (await app.call('POST', '/api/schedule/class', { body: lesson({ policy: 'own' }) })).body.class_id;
    app.clock.nowMs = END_MS + MINUTE_MS;
    const recalculate = (body: unknown) => app.call('POST', `/api/classes/${id}/recalculate`, { body });
    expect((await recalculate({})).body.records[0].policy).toEqual({ preset: 'itqan', version: 1 });
    expect((await recalculate({ policy_version: 2 })).body.records[0].policy).toEqual({
      preset: 'itqan',
      version: 2,
    });
    const { status, body } = await recalculate({ policy_version: 9 });
    expect([status, body.errors[0].field]).toEqual([422, 'policy_version']);
  });
});

describe('the policy of a class', () => {
  const policy = { name: 'autumn', preset: 'itqan', effective_from: '2026-09-07' };
  const version = async (): Promise<Json> => (await attendance()).body.records[0].policy.version;
  beforeAll(() => app.call('POST', '/api/policies', { body: policy }));
  const inZone = (zone: string) => app.call('PATCH', '/api/tenant', { body: { time_zone: zone } });

  test('is that of the day on which the class was scheduled, whatever zone the tenant takes later', async () => {
    id = (await app.call('POST', '/api/schedule/class', { body: lesson({ policy: 'autumn' }) })).body
      .class_id;
    await inZone('Pacific/Honolulu');
    expect(await version()).toBe(1);
    const patch = (body: unknown) => app.call('PATCH', `/api/classes/${id}`, { body });
    expect((await patch({ subject: 'Geometry' })).status).toBe(200);
    // Half an hour later it is still the day before in Hawaii.
    const moved = await patch({ start_time: at(START_MS + 30 * MINUTE_MS) });
    expect([moved.status, moved.body.errors?.[0].field]).toEqual([422, 'start_time']);
    expect((await patch({ start_time: at(START_MS + 60 * MINUTE_MS) })).status).toBe(200);
    await inZone('UTC');
    expect(await app.owner`select policy_date from classes where id = ${id}`).toMatchObject([
      { policy_date: '2026-09-07' },
    ]);
  });

  test('that is not there is a conflict and nothing worse', async () => {
    await app.owner`update classes set policy = 'lost' where id = ${id}`;
    const { status, body } = await attendance();
    expect([status, body.type]).toEqual([409, 'https://rollcall.dev/problems/conflict']);
    expect(body.detail).toContain('policy "lost"');
  });
});

describe('calculating now', () => {
  const complete = (users: string[]) =>
    app.call('POST', `/api/classes/${id}/events`, {
      body: {
        source: 'zoom',
        complete: true,
        events: users.map((email) => ({
          source_event_id: `a${next++}`,
          kind: 'left',
          at: at(START_MS),
          email,
          connection_id: email,
        })),
      },
    });
  const recalculate = () => app.call('POST', `/api/classes/${id}/recalculate`);
  beforeEach(async () => {
    app.clock.nowMs = END_MS + 10 * MINUTE_MS;
    await app.owner`update classes set status = 'reconciling' where id = ${id}`;
    app.temporal.calls.length = 0;
  });

  const isRungBySweeper = async (): Promise<boolean> => {
    const [row] =
      await app.owner`select plan_rung_version < plan_version as due from classes where id = ${id}`;
    return row?.due;
  };

  test('has the sweeper ring a class that waits and from which nothing is missing any more', async () => {
    await recalculate();
    await app.owner`update classes set plan_rung_version = plan_version where id = ${id}`;
    expect(await isRungBySweeper()).toBe(false);
    await complete([]);
    expect(await isRungBySweeper()).toBe(false);
    expect((await recalculate()).body.missing).toEqual([]);
    expect(await isRungBySweeper()).toBe(true);
  });

  test('rings no class that is settled', async () => {
    await complete([]);
    app.temporal.calls.length = 0;
    app.clock.nowMs += MINUTE_MS;
    await app.owner`update classes set status = 'completed', settled_at = now() where id = ${id}`;
    expect((await recalculate()).body.missing).toEqual([]);
    expect(app.temporal.calls).toEqual([]);
  });
});

test('the figures of a cancelled class end with the cancelling', async () => {
  app.clock.nowMs = START_MS + 10 * MINUTE_MS;
  await evidence(amal, 'joined', START_MS);
  await app.call('POST', `/api/classes/${id}/cancel`, { body: { reason: 'fire drill' } });
  app.clock.nowMs = START_MS + 30 * MINUTE_MS;
  const { body } = await attendance();
  expect(body.records.find((one: Json) => one.email === amal.email)).toMatchObject({ present_seconds: 600 });
  const logs = await app.call('GET', `/monitoring/attendance-logs?class_id=${id}`);
  expect(logs.body.items).toMatchObject([{ user_email: amal.email, duration_seconds: 600 }]);
});

describe('attendance logs', () => {
  const logs = (query: string) => app.call('GET', `/monitoring/attendance-logs?${query}`);

  async function threeStays() {
    app.clock.nowMs = END_MS + 10 * MINUTE_MS;
    const teacher = { email: 'teacher@school.example' };
    await evidence(teacher, 'joined', START_MS - 5 * MINUTE_MS);
    await evidence(teacher, 'left', END_MS);
    await evidence(amal, 'joined', START_MS);
    await evidence(amal, 'left', START_MS + 10 * MINUTE_MS);
    await evidence(amal, 'joined', START_MS + 20 * MINUTE_MS);
    await evidence(amal, 'left', END_MS);
    await evidence({ identity: 'iPad' }, 'joined', START_MS);
    await evidence({ identity: 'iPad' }, 'left', START_MS + MINUTE_MS);
  }

  test.each(['live', 'calculated'])('show one row for each person and stay, %s', async (moment) => {
    await threeStays();
    if (moment === 'calculated') await app.call('POST', `/api/classes/${id}/recalculate`);
    const { status, body } = await logs(`session_id=${id}`);
    expect(status).toBe(200);
    expect(body.items).toHaveLength(4);
    const own = body.items.filter((one: Json) => one.user_email === amal.email);
    expect(own).toEqual([
      {
        user_email: 'amal@school.example',
        user_name: 'amal',
        role: 'student',
        join_time: at(START_MS),
        leave_time: at(START_MS + 10 * MINUTE_MS),
        duration_minutes: 10,
        duration_seconds: 600,
        session_id: id,
        class_id: id,
        subject: 'Algebra',
        source: 'zoom',
      },
      expect.objectContaining({ join_time: at(START_MS + 20 * MINUTE_MS), duration_seconds: 1_200 }),
    ]);
    expect(body.items.find((one: Json) => one.role === 'teacher')).toMatchObject({
      join_time: at(START_MS - 5 * MINUTE_MS),
      duration_seconds: 2_400,
    });
    expect(body.items.find((one: Json) => one.role === 'guest')).toMatchObject({
      user_email: null,
      user_name: 'iPad',
    });
  });

  test('combine their filters and page through', async () => {
    await threeStays();
    await app.call('POST', `/api/classes/${id}/recalculate`);
    const count = async (query: string): Promise<number> =>
      (await logs(`class_id=${id}&${query}`)).body.items.length;
    expect(await count('email=Amal@school.example')).toBe(2);
    expect(await count('email=amal@school.example&status=present')).toBe(2);
    expect(await count('email=amal@school.example&status=absent')).toBe(0);
    expect(await count(`from=${at(START_MS)}&to=${at(START_MS + 1)}`)).toBe(4);
    expect(await count(`from=${at(START_MS + 1)}`)).toBe(0);
    const seen: Json[] = [];
    let cursor = '';
    do {
      const { body } = await logs(`class_id=${id}&limit=1${cursor}`);
      seen.push(...body.items);
      cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
    } while (cursor !== '');
    expect(seen).toEqual((await logs(`class_id=${id}`)).body.items);
  });

  test('page through live and calculated classes together', async () => {
    await threeStays();
    await app.call('POST', `/api/classes/${id}/recalculate`);
    app.clock.nowMs = HOUR_BEFORE_MS;
    id = (await app.call('POST', '/api/schedule/class', { body: lesson() })).body.class_id;
    await threeStays();
    const all = (await logs('limit=200')).body.items;
    const seen: Json[] = [];
    let cursor = '';
    do {
      const { body } = await logs(`limit=3${cursor}`);
      seen.push(...body.items);
      cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(all);
    expect(seen.length).toBeGreaterThanOrEqual(8);
  });

  test('lead on to the last of many live classes, cancelled ones too', async () => {
    const dana = { email: 'dana@school.example' };
    const from = at(START_MS + 10_000 * MINUTE_MS);
    for (let n = 0; n < 53; n++) {
      app.clock.nowMs = HOUR_BEFORE_MS;
      const start = START_MS + (10_000 + n) * MINUTE_MS;
      const body = lesson({ start_time: at(start), student_emails: [amal.email, dana.email] });
      id = (await app.call('POST', '/api/schedule/class', { body })).body.class_id;
      app.clock.nowMs = start;
      await evidence(n < 52 ? amal : dana, 'joined', start);
    }
    app.clock.nowMs += MINUTE_MS;
    await app.call('POST', `/api/classes/${id}/cancel`, { body: { reason: 'snow' } });
    const follow = async (query: string): Promise<Json[]> => {
      const seen: Json[] = [];
      let cursor = '';
      do {
        const { body } = await logs(`from=${from}&${query}${cursor}`);
        seen.push(...body.items);
        cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
      } while (cursor !== '');
      return seen;
    };
    expect(await follow(`email=${dana.email}`)).toMatchObject([
      { class_id: id, duration_seconds: 60, leave_time: null },
    ]);
    for (const limit of [7, 50, 200]) {
      const seen = await follow(`limit=${limit}`);
      expect(seen).toHaveLength(53);
      expect(new Set(seen.map((one) => one.class_id)).size).toBe(53);
    }
    expect(await follow('status=absent')).toEqual([]);
  });

  test.each([
    ['class_id=x', 'class_id'],
    ['email=x', 'email'],
    ['status=asleep', 'status'],
    ['from=x', 'from'],
    ['cursor=x', 'cursor'],
    ['user=x', 'user'],
    [
      'class_id=00000000-0000-4000-8000-000000000000&session_id=10000000-0000-4000-8000-000000000000',
      'session_id',
    ],
  ])('%s is refused and named', async (query, field) => {
    const { status, body } = await logs(query);
    expect([status, body.errors[0].field]).toEqual([422, field]);
  });
});

describe('fetching now', () => {
  const sync = () => app.call('POST', `/monitoring/sync-participants/${id}`);
  beforeEach(() => {
    app.temporal.trouble = 'none';
    app.temporal.calls.length = 0;
  });

  test('answers what was found', async () => {
    expect(await sync()).toMatchObject({
      status: 200,
      body: { class_id: id, ok: true, present: 2, participants: 3, conferences: 1 },
    });
  });

  test('under one key is done once', async () => {
    const keyed = (path: string) => app.call('POST', path, { headers: { 'idempotency-key': 'fetch' } });
    const first = await keyed(`/monitoring/sync-participants/${id}`);
    const again = await keyed(`/monitoring/sync-participants/${id}`);
    expect([again.status, again.body, again.headers.get('idempotent-replayed')]).toEqual([
      200,
      first.body,
      'true',
    ]);
    expect(app.temporal.calls).toHaveLength(1);
    expect((await keyed('/monitoring/sync-all-active')).status).toBe(422);
  });

  test('is asked to be tried again while Temporal is down', async () => {
    app.temporal.trouble = 'down';
    const { status, headers, body } = await sync();
    expect([status, body.type]).toEqual([503, 'https://rollcall.dev/problems/try-again']);
    expect(headers.get('retry-after')).toBe('5');
    await app.owner`update classes set status = 'open' where id = ${id}`;
    app.clock.nowMs = START_MS;
    expect((await app.call('POST', '/monitoring/sync-all-active')).status).toBe(503);
    await app.owner`update classes set status = 'scheduled' where id = ${id}`;
  });

  const on = async (provider: string): Promise<string> =>
    (await app.call('POST', '/api/schedule/class', { body: lesson({ provider }) })).body.class_id;

  test('works for a LiveKit class as for one on Meet', async () => {
    id = await on('livekit');
    expect(await sync()).toMatchObject({ status: 200, body: { class_id: id, ok: true, present: 2 } });
  });

  test('is refused for a whiteboard, which tells by itself', async () => {
    id = await on('whiteboard');
    expect((await sync()).status).toBe(409);
  });

  test('asks for every active class and tells of each', async () => {
    const onLiveKit = await on('livekit');
    const active = [id, onLiveKit, await on('whiteboard')];
    await app.owner`update classes set status = 'open' where id in ${app.owner(active)}`;
    app.clock.nowMs = START_MS + MINUTE_MS;
    const { status, body } = await app.call('POST', '/monitoring/sync-all-active');
    expect(status).toBe(200);
    const found = { ok: true, present: 2, participants: 3, conferences: 1 };
    expect(body).toEqual({
      items: [
        { class_id: id, ...found },
        { class_id: onLiveKit, ...found },
      ],
      next_cursor: null,
    });
  });
});
