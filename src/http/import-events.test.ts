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
} from './test-app.ts';

const END_MS = START_MS + 40 * MINUTE_MS;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await app.call('POST', '/api/sources', { body: { name: 'zoom', kind: 'in_call' } });
  await app.call('POST', '/api/sources', { body: { name: 'lms', kind: 'supporting' } });
});
afterAll(() => app.stop());

let id: string;
let next = 0;
beforeEach(async () => {
  app.clock.nowMs = HOUR_BEFORE_MS;
  id = (await app.call('POST', '/api/schedule/class', { body: lesson() })).body.class_id;
  app.clock.nowMs = END_MS + 10 * MINUTE_MS;
  app.temporal.calls.length = 0;
});

const send = (body: unknown) => app.call('POST', `/api/classes/${id}/events`, { body });
const event = (kind: string, atMs: number, change = {}) => ({
  source_event_id: `e${next++}`,
  kind,
  at: at(atMs),
  email: 'amal@school.example',
  ...change,
});
const stay = (email: string, fromMs = START_MS, toMs = END_MS) => [
  event('joined', fromMs, { email }),
  event('left', toMs, { email }),
];
const attendance = async (): Promise<Json> => (await app.call('GET', `/api/classes/${id}/attendance`)).body;
const settle = () => app.owner`update classes set status = 'incomplete', settled_at = now() where id = ${id}`;

describe('an import', () => {
  test('tells what it did with each event, and shows them', async () => {
    const first = event('joined', START_MS);
    const answer = await send({
      source: 'zoom',
      events: [
        first,
        first,
        { ...first, at: at(START_MS + 1) },
        event('left', END_MS, { connection_id: 'c1' }),
        event('joined', app.clock.nowMs + 6 * MINUTE_MS, { source_event_id: 'ahead' }),
      ],
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      accepted: 2,
      duplicate: 1,
      rejected: [
        { source_event_id: 'ahead', reason: 'at is more than 5 minutes in the future' },
        {
          source_event_id: first.source_event_id,
          reason: 'this id is stored with other content, which stays',
        },
      ],
    });
    const { body } = await app.call('GET', `/api/classes/${id}/events?limit=1`);
    expect(body.items).toEqual([
      expect.objectContaining({
        source: 'zoom',
        kind: 'joined',
        at: at(START_MS),
        source_event_id: first.source_event_id,
      }),
    ]);
    const rest = await app.call('GET', `/api/classes/${id}/events?cursor=${body.next_cursor}`);
    expect(rest.body.items.map((one: Json) => one.connection_id)).toEqual(['c1']);
    expect(rest.body.next_cursor).toBeNull();
  });

  test('takes an e-mail of a person as proof and anybody else to the review queue', async () => {
    const stranger = event('joined', START_MS, { email: 'stranger@elsewhere.example' });
    const known = event('joined', START_MS);
    const named = event('joined', START_MS, { email: undefined, identity: 'iPad of Basil' });
    await send({ source: 'zoom', events: [stranger, known, named] });
    const states = await app.owner`select i.identity, c.state from class_identities c
      join identities i on i.id = c.identity_id where c.class_id = ${id} order by i.identity`;
    expect([...states]).toEqual([
      { identity: 'amal@school.example', state: 'matched' },
      { identity: 'iPad of Basil', state: 'unmatched' },
      { identity: 'stranger@elsewhere.example', state: 'unmatched' },
    ]);
    await app.call('POST', '/api/schedule/class', {
      body: lesson({ student_emails: ['stranger@elsewhere.example'] }),
    });
    const again = await send({ source: 'zoom', events: [stranger, known] });
    expect(again.body).toEqual({ accepted: 0, duplicate: 2, rejected: [] });
  });

  test('keeps an unknown person id as an identity, which waits in the review queue and counts once matched', async () => {
    const unknown = '00000000-0000-4000-8000-00000000000A';
    const by = (person_id: string) => ({ email: undefined, person_id });
    const events = [event('joined', START_MS, by(unknown)), event('left', END_MS, by(unknown))];
    expect((await send({ source: 'zoom', events })).body).toEqual({
      accepted: 2,
      duplicate: 0,
      rejected: [],
    });
    expect((await send({ source: 'zoom', events })).body).toEqual({
      accepted: 0,
      duplicate: 2,
      rejected: [],
    });
    const shown = (await app.call('GET', `/api/classes/${id}/events`)).body.items;
    expect(shown.map((one: Json) => [one.person_id, one.identity])).toEqual([
      [null, unknown.toLowerCase()],
      [null, unknown.toLowerCase()],
    ]);
    const queue = (await app.call('GET', '/api/identities?state=unmatched')).body.items;
    const waiting = queue.find((one: Json) => one.classes.some((seen: Json) => seen.class_id === id));
    expect(waiting).toMatchObject({ source: 'zoom', identity: unknown.toLowerCase(), person_id: null });
    const amal = async (): Promise<Json> =>
      (await attendance()).records.find((one: Json) => one.email === 'amal@school.example');
    await app.call('POST', `/api/classes/${id}/recalculate`);
    const match = { person_id: (await amal()).person_id };
    await app.call('POST', `/api/identities/${waiting.id}/match`, { body: match });
    expect((await amal()).present_seconds).toBe(2_400);
  });

  test('meets nobody by an event that it rejects, and the first of two with one id counts', async () => {
    const met = async () => {
      const rows = await app.owner`select i.identity from class_identities c
        join identities i on i.id = c.identity_id where c.class_id = ${id} order by i.identity`;
      return rows.map((row) => row.identity);
    };
    const hash = async (): Promise<string> =>
      (await app.call('POST', `/api/classes/${id}/recalculate`)).body.records[0].inputs_hash;
    const as = (identity: string) => ({ email: undefined, identity });
    const first = event('joined', START_MS, as('first'));
    const other = { ...first, identity: 'other' };
    const answer = await send({ source: 'zoom', events: [first, other, first] });
    expect(answer.body).toMatchObject({ accepted: 1, duplicate: 1 });
    const before = await hash();
    const ahead = event('joined', app.clock.nowMs + 6 * MINUTE_MS, as('ahead'));
    const again = await send({ source: 'zoom', events: [other, first, ahead] });
    expect(again.body).toMatchObject({ accepted: 0, duplicate: 1 });
    expect(again.body.rejected).toHaveLength(2);
    expect(await met()).toEqual(['first']);
    expect(await hash()).toBe(before);
  });

  test('that is complete lets the class be final', async () => {
    const answer = await send({
      source: 'zoom',
      complete: true,
      events: [
        ...stay('teacher@school.example'),
        ...stay('amal@school.example'),
        ...stay('basil@school.example'),
      ],
    });
    expect(answer.body).toEqual({ accepted: 6, duplicate: 0, rejected: [] });
    const { status, body } = await app.call('POST', `/api/classes/${id}/recalculate`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ class_id: id, is_complete: true, missing: [] });
    expect(body.records.map((one: Json) => [one.email, one.status, one.is_final])).toEqual([
      ['teacher@school.example', 'present', true],
      ['amal@school.example', 'present', true],
      ['basil@school.example', 'present', true],
    ]);
  });

  test.each([
    ['itqan', END_MS],
    ['musa', END_MS + 30 * MINUTE_MS],
  ])('is not complete before a class of %s has ended', async (policy, endMs) => {
    app.clock.nowMs = HOUR_BEFORE_MS;
    id = (await app.call('POST', '/api/schedule/class', { body: lesson({ policy }) })).body.class_id;
    app.clock.nowMs = endMs - 1;
    const complete = () => send({ source: 'zoom', complete: true, events: [event('joined', START_MS)] });
    const { status, body } = await complete();
    expect([status, body.errors[0].field]).toEqual([422, 'complete']);
    expect(body.errors[0].message).toContain(`accepted from ${at(endMs)}`);
    expect(await app.owner`select 1 from events where class_id = ${id}`).toHaveLength(0);
    app.clock.nowMs = endMs;
    expect((await complete()).status).toBe(200);
  });

  test('may be nothing but the word that all was told', async () => {
    expect((await send({ source: 'zoom', complete: true, events: [] })).status).toBe(200);
    expect(await app.owner`select 1 from source_completions where class_id = ${id}`).toHaveLength(1);
  });

  test('that is complete but for a refused event is not complete', async () => {
    const ahead = event('joined', app.clock.nowMs + 60 * MINUTE_MS);
    await send({ source: 'zoom', complete: true, events: [ahead] });
    expect(await app.owner`select 1 from source_completions where class_id = ${id}`).toHaveLength(0);
  });

  test('takes a thousand events and no more', async () => {
    const many = Array.from({ length: 1_000 }, (_, n) =>
      event('seen', START_MS + n, { email: `p${n}@school.example` }),
    );
    expect((await send({ source: 'zoom', events: many })).body.accepted).toBe(1_000);
    const { status, body } = await send({ source: 'zoom', events: [...many, event('seen', START_MS)] });
    expect([status, body.errors[0].field]).toEqual([422, 'events']);
  });

  test('larger than a mebibyte is refused', async () => {
    const { status } = await app.call('POST', `/api/classes/${id}/events`, {
      raw: `"${'x'.repeat(1024 * 1024)}"`,
    });
    expect(status).toBe(413);
  });

  const refused: [string, unknown, string, string][] = [
    ['a reserved source', { source: 'meet', events: [event('joined', START_MS)] }, 'source', 'reserved'],
    [
      'an unregistered source',
      { source: 'teams', events: [event('joined', START_MS)] },
      'source',
      'POST /api/sources',
    ],
    [
      'complete from a supporting source',
      { source: 'lms', complete: true, events: [] },
      'complete',
      'in_call',
    ],
    ['no events', { source: 'zoom', events: [] }, 'events', 'at least one'],
    ['an unknown kind', { source: 'zoom', events: [event('slept', START_MS)] }, 'events[0].kind', 'joined'],
    [
      'two names',
      { source: 'zoom', events: [event('joined', START_MS, { identity: 'x' })] },
      'events[0].identity',
      'only one',
    ],
    [
      'no name',
      { source: 'zoom', events: [event('joined', START_MS, { email: undefined })] },
      'events[0].email',
      'identity',
    ],
    [
      'a time without zone',
      { source: 'zoom', events: [event('joined', 0, { at: '2026-09-07T09:00:00' })] },
      'events[0].at',
      'offset',
    ],
    [
      'a year long past',
      { source: 'zoom', events: [event('joined', 0, { at: '1999-09-07T09:00:00Z' })] },
      'events[0].at',
      '2000',
    ],
    [
      'an unknown field',
      { source: 'zoom', events: [event('joined', START_MS, { who: 'x' })] },
      'events[0].who',
      'connection_id',
    ],
    [
      'a lone surrogate',
      { source: 'zoom', events: [event('joined', START_MS, { reason: '\ud800' })] },
      'events[0].reason',
      'surrogate',
    ],
  ];
  test.each(refused)('with %s is refused whole', async (_title, body, field, accepted) => {
    const before = await app.count('events');
    const answer = await send(body);
    expect([answer.status, answer.body.errors[0].field]).toEqual([422, field]);
    expect(answer.body.errors[0].message).toContain(accepted);
    expect(await app.count('events')).toBe(before);
  });
});

describe('evidence that comes late', () => {
  test('rings the workflow at most once a minute', async () => {
    await send({ source: 'zoom', events: [event('seen', START_MS)] });
    await send({ source: 'zoom', events: [event('seen', START_MS)] });
    expect(app.temporal.calls).toEqual([`evidence school/${id}`]);
    app.clock.nowMs += MINUTE_MS;
    await send({ source: 'zoom', events: [event('seen', START_MS)] });
    expect(app.temporal.calls).toHaveLength(2);
  });

  test('within the minute is told when the minute is over', async () => {
    const rung = (count: number) =>
      vi.waitFor(() => expect(app.temporal.calls).toHaveLength(count), { timeout: 5_000 });
    await send({ source: 'zoom', events: [event('seen', START_MS)] });
    app.clock.nowMs += MINUTE_MS - 200;
    await send({ source: 'zoom', events: [event('seen', START_MS)] });
    await send({ source: 'zoom', events: [event('seen', START_MS)] });
    expect(app.temporal.calls).toHaveLength(1);
    app.clock.nowMs += 200;
    await rung(2);
  });

  test('while Temporal is away leaves the class to the sweeper', async () => {
    app.temporal.trouble = 'down';
    expect((await send({ source: 'zoom', events: [event('seen', START_MS)] })).status).toBe(200);
    app.temporal.trouble = 'none';
    const [row] = await app.owner`select plan_rung_version, plan_version from classes where id = ${id}`;
    expect(row).toEqual({ plan_rung_version: 1, plan_version: 2 });
  });

  test('that is no news rings nobody, nor does evidence before the end', async () => {
    const one = event('seen', START_MS);
    await send({ source: 'zoom', events: [one] });
    app.clock.nowMs += 2 * MINUTE_MS;
    await send({ source: 'zoom', events: [one] });
    expect(app.temporal.calls).toHaveLength(1);
    app.clock.nowMs = START_MS + MINUTE_MS;
    await send({ source: 'zoom', events: [event('seen', START_MS)] });
    expect(app.temporal.calls).toHaveLength(1);
  });

  test('calculates a settled class again at once', async () => {
    await app.call('POST', `/api/classes/${id}/recalculate`);
    await settle();
    await send({
      source: 'zoom',
      complete: true,
      events: [
        ...stay('teacher@school.example'),
        ...stay('amal@school.example'),
        ...stay('basil@school.example'),
      ],
    });
    const after = await attendance();
    expect([after.status, after.is_complete, after.records[1].version]).toEqual(['completed', true, 2]);
    const before = await app.call('GET', `/api/classes/${id}/attendance?version=1`);
    expect(before.body.records[1]).toMatchObject({ version: 1, is_final: false });
    expect(app.temporal.calls).toEqual([]);
  });

  test('from many sides at once is all counted', async () => {
    await app.call('POST', `/api/classes/${id}/recalculate`);
    await settle();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        send({
          source: 'zoom',
          events: stay(
            'amal@school.example',
            START_MS + n * 5 * MINUTE_MS,
            START_MS + (n + 1) * 5 * MINUTE_MS,
          ),
        }),
      ),
    );
    expect(answers.map((one) => one.status)).toEqual(Array(8).fill(200));
    const amal = (await attendance()).records.find((one: Json) => one.email === 'amal@school.example');
    expect(amal.present_seconds).toBe(2_400);
  });
});

describe('sources', () => {
  test('are registered once', async () => {
    const register = (kind: string) => app.call('POST', '/api/sources', { body: { name: 'jitsi', kind } });
    const first = await register('in_call');
    expect([first.status, first.body.name, first.body.kind]).toEqual([201, 'jitsi', 'in_call']);
    expect((await register('in_call')).status).toBe(200);
    expect((await register('supporting')).status).toBe(409);
    const { body } = await app.call('GET', '/api/sources');
    expect(body.items.map((one: Json) => one.name)).toEqual(['jitsi', 'lms', 'zoom']);
  });

  test.each(['livekit', 'meet', 'whiteboard'])('%s is reserved', async (name) => {
    const { status, body } = await app.call('POST', '/api/sources', { body: { name, kind: 'in_call' } });
    expect([status, body.errors[0].field]).toEqual([422, 'name']);
  });
});
