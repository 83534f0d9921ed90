import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { delivery, LIVEKIT, sign } from '../livekit/test-webhook.ts';
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
  app = await startTestApp({ livekit: LIVEKIT });
  await app.call('POST', '/api/sources', { body: { name: 'zoom', kind: 'in_call' } });
});
afterAll(() => app.stop());
beforeEach(async () => {
  id = await newClass();
});

async function newClass(): Promise<string> {
  app.clock.nowMs = HOUR_BEFORE_MS;
  const { body } = await app.call('POST', '/api/schedule/class', { body: lesson() });
  app.clock.nowMs = END_MS + 10 * MINUTE_MS;
  return body.class_id;
}

async function was(identity: string, classId = id): Promise<void> {
  const event = (kind: string, ms: number) => ({ source_event_id: `i${next++}`, kind, at: at(ms), identity });
  const events = [event('joined', START_MS), event('left', END_MS)];
  await app.call('POST', `/api/classes/${classId}/events`, {
    body: { source: 'zoom', complete: true, events },
  });
  app.temporal.calls.length = 0;
}

const queue = async (state: string): Promise<Json[]> =>
  (await app.call('GET', `/api/identities?state=${state}&limit=200`)).body.items;
const find = async (name: string, state = 'unmatched') =>
  (await queue(state)).find((one) => one.identity === name);
const decide = (identityId: string, action: string, body?: unknown) =>
  app.call('POST', `/api/identities/${identityId}/${action}`, { body });
const record = async (email: string, classId = id): Promise<Json> =>
  (await app.call('GET', `/api/classes/${classId}/attendance`)).body.records.find(
    (one: Json) => one.email === email,
  );
const personId = async (email: string): Promise<string> => (await record(email)).person_id;

describe('the review queue', () => {
  test('holds who could not be matched, with where they were', async () => {
    await was('queue-guest');
    expect(await find('queue-guest')).toEqual({
      id: expect.any(String),
      source: 'zoom',
      identity: 'queue-guest',
      kind: 'other',
      display_name: 'queue-guest',
      email: null,
      person_id: null,
      first_seen_at: expect.stringMatching(/Z$/),
      classes: [
        { class_id: id, subject: 'Algebra', start_time: at(START_MS), state: 'unmatched', person_id: null },
      ],
    });
  });

  test('holds who dialled in to a LiveKit room, and their minutes count once they are matched', async () => {
    app.clock.nowMs = HOUR_BEFORE_MS;
    const { body: scheduled } = await app.call('POST', '/api/schedule/class', {
      body: lesson({ provider: 'livekit' }),
    });
    const { class_id: classId, room_name: room } = scheduled;
    app.clock.nowMs = END_MS + 10 * MINUTE_MS;
    const caller = { sid: 'PA_sip', identity: 'sip_+4930123456', participant: { kind: 'SIP' } };
    for (const told of [
      delivery('room_started', { room, atMs: START_MS }),
      delivery('participant_joined', { room, atMs: START_MS, ...caller }),
      delivery('participant_left', { room, atMs: END_MS, joinedMs: START_MS, ...caller }),
      delivery('room_finished', { room, atMs: END_MS }),
    ]) {
      const raw = JSON.stringify(told);
      const headers = { authorization: await sign(raw) };
      const { body } = await app.call('POST', '/webhooks/livekit', { token: null, raw, headers });
      expect(body).toEqual({ stored: 'accepted' });
    }
    await app.call('POST', `/api/classes/${classId}/recalculate`);
    const statusOf = async (name: string) => (await record(`${name}@school.example`, classId)).status;
    expect([await statusOf('amal'), await statusOf('basil')]).toEqual(['unknown', 'unknown']);

    const waiting = (await queue('unmatched')).filter(({ source }) => source === 'livekit');
    expect(waiting).toMatchObject([
      { kind: 'phone', display_name: 'Name of sip_+4930123456', classes: [{ class_id: classId }] },
    ]);
    const amal = (await record('amal@school.example', classId)).person_id;
    expect((await decide(waiting[0]?.id, 'match', { person_id: amal })).status).toBe(200);
    expect(await record('amal@school.example', classId)).toMatchObject({
      status: 'present',
      present_seconds: 2_400,
    });
    expect(await statusOf('basil')).toBe('absent');
  });

  test('pages in a stable order', async () => {
    await Promise.all(['p1', 'p2', 'p3'].map((name) => was(name)));
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await app.call('GET', `/api/identities?limit=1${cursor}`);
      seen.push(...body.items.map((one: Json) => one.identity));
      cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
    } while (cursor !== '');
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toEqual(expect.arrayContaining(['p1', 'p2', 'p3']));
  });
});

describe('a decision', () => {
  test('calculates each class again that was calculated, and rings the workflow', async () => {
    await was('tablet');
    await app.call('POST', `/api/classes/${id}/recalculate`);
    expect(await record('amal@school.example')).toMatchObject({ status: 'unknown', version: 1 });
    const amal = await personId('amal@school.example');
    app.clock.nowMs += MINUTE_MS;
    const { status, body } = await decide((await find('tablet')).id, 'match', { person_id: amal });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      person_id: null,
      classes: [{ class_id: id, state: 'matched', person_id: amal }],
    });
    expect(await record('amal@school.example')).toMatchObject({
      status: 'present',
      version: 2,
      present_seconds: 2_400,
    });
    expect(await record('basil@school.example')).toMatchObject({ status: 'absent' });
    expect(app.temporal.calls).toEqual([`evidence school/${id}`]);
    expect(await find('tablet')).toBeUndefined();
  });

  test('rings at once, and those that follow at most once a minute', async () => {
    await Promise.all(['r1', 'r2', 'r3'].map((name) => was(name)));
    app.clock.nowMs += MINUTE_MS;
    for (const name of ['r1', 'r2', 'r3']) await decide((await find(name)).id, 'dismiss');
    expect(app.temporal.calls).toEqual([`evidence school/${id}`]);
    app.clock.nowMs += MINUTE_MS;
    await decide((await find('r1', 'dismissed')).id, 'unmatch');
    expect(app.temporal.calls).toHaveLength(2);
  });

  test('about a class that has not ended rings nobody', async () => {
    app.clock.nowMs = START_MS + MINUTE_MS;
    app.temporal.calls.length = 0;
    const events = [{ source_event_id: `i${next++}`, kind: 'joined', at: at(START_MS), identity: 'in-time' }];
    await app.call('POST', `/api/classes/${id}/events`, { body: { source: 'zoom', events } });
    await decide((await find('in-time')).id, 'dismiss');
    expect(app.temporal.calls).toEqual([]);
  });

  test('to take a match back stands when the same evidence comes again', async () => {
    const proof = {
      source_event_id: `i${next++}`,
      kind: 'joined',
      at: at(START_MS),
      email: 'amal@school.example',
    };
    const import_ = () =>
      app.call('POST', `/api/classes/${id}/events`, { body: { source: 'zoom', events: [proof] } });
    await import_();
    const identity = (await find('amal@school.example', 'matched')).id;
    await decide(identity, 'unmatch');
    await import_();
    expect(await find('amal@school.example', 'matched')).toBeUndefined();
    expect(await find('amal@school.example')).toMatchObject({ id: identity, person_id: null });
    const decisions = await app.owner`select decided_by from identity_decisions
      where identity_id = ${identity} order by id`;
    expect(decisions.map((one) => one.decided_by)).toEqual(['import', 'admin@school.example']);
  });

  test('about a class that nobody calculated yet only changes what is known', async () => {
    await was('early');
    const amal = await personId('amal@school.example');
    await decide((await find('early')).id, 'match', { person_id: amal });
    expect(await record('amal@school.example')).toMatchObject({
      status: 'pending',
      version: null,
      present_seconds: 2_400,
    });
  });

  test('that is remembered holds in the classes to come', async () => {
    await was('phone');
    const amal = await personId('amal@school.example');
    const { body } = await decide((await find('phone')).id, 'match', { person_id: amal, remember: true });
    expect(body.person_id).toBe(amal);
    const later = await newClass();
    await was('phone', later);
    expect(await record('amal@school.example', later)).toMatchObject({ present_seconds: 2_400 });
    expect(await find('phone')).toBeUndefined();
  });

  test('about one class does not overturn another', async () => {
    await was('shared');
    const [amal, basil] = [await personId('amal@school.example'), await personId('basil@school.example')];
    await decide((await find('shared')).id, 'match', { person_id: amal });
    const later = await newClass();
    await was('shared', later);
    const { body } = await decide((await find('shared')).id, 'match', { person_id: basil });
    const of = (classId: string) => body.classes.find((one: Json) => one.class_id === classId).person_id;
    expect([of(id), of(later)]).toEqual([amal, basil]);
  });

  test('is kept, and can be taken back', async () => {
    await was('undone');
    await app.call('POST', `/api/classes/${id}/recalculate`);
    const identity = (await find('undone')).id;
    await decide(identity, 'dismiss');
    expect(await record('amal@school.example')).toMatchObject({ status: 'absent' });
    expect((await decide(identity, 'unmatch', {})).body.classes[0].state).toBe('unmatched');
    expect(await record('amal@school.example')).toMatchObject({ status: 'unknown' });
    const kept = await app.owner`select action, decided_by from identity_decisions
      where identity_id = ${identity} order by id`;
    expect(kept.map((one) => one.action)).toEqual(['dismiss', 'unmatch']);
    expect(kept[0]?.decided_by).toBe('admin@school.example');
  });

  test('taken twice is one decision', async () => {
    await was('twice');
    const identity = (await find('twice')).id;
    await decide(identity, 'dismiss');
    expect((await decide(identity, 'dismiss')).status).toBe(200);
    expect(await app.owner`select 1 from identity_decisions where identity_id = ${identity}`).toHaveLength(1);
  });

  test('about a machine is refused', async () => {
    await was('recorder');
    const identity = (await find('recorder')).id;
    await app.owner`update identities set kind = 'machine' where id = ${identity}`;
    expect((await decide(identity, 'dismiss')).status).toBe(409);
  });

  test.each([
    ['nobody', {}, 'person_id'],
    ['a stranger', { person_id: '00000000-0000-4000-8000-000000000000' }, 'person_id'],
    ['no id', { person_id: 'amal' }, 'person_id'],
    [
      'a word for remember',
      { person_id: '00000000-0000-4000-8000-000000000000', remember: 'yes' },
      'remember',
    ],
  ])('in favour of %s is refused and named', async (_title, body, field) => {
    await was('refused');
    const answer = await decide((await find('refused')).id, 'match', body);
    expect([answer.status, answer.body.errors[0].field]).toEqual([422, field]);
  });

  test('about an identity that is not there is 404', async () => {
    expect((await decide('00000000-0000-4000-8000-000000000000', 'dismiss')).status).toBe(404);
    expect((await decide('x', 'dismiss')).status).toBe(404);
  });
});
