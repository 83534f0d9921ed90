import { asc, eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { classes, classIdentities, events, identities } from '../src/db/schema.ts';
import { changeTenant, ensureTenant } from '../src/db/tenants.ts';
import { appendEvents } from '../src/ingest/append-events.ts';
import { classRow } from '../src/temporal/test-class.ts';
import { AWAY, REFUSED } from '../src/temporal/test-livekit.ts';
import { type LiveKitClass, storeLiveKitClass, sweepsOf } from '../src/temporal/test-livekit-class.ts';
import { fetchNowOnce } from './fetch-now-once.ts';
import { type FetchResult, fetchParticipants } from './fetch-participants.ts';
import { openSession } from './open-session.ts';
import { startTestActivities, type TestActivities } from './test-activities.ts';

const START = Date.parse('2026-03-02T09:00:00.000Z');
const MINUTE = 60_000;
const END = START + 40 * MINUTE;

let world: TestActivities;
beforeAll(async () => {
  world = await startTestActivities(START);
});
afterAll(() => world.drop());
beforeEach(() => {
  world.clock.nowMs = START;
  world.livekit.calls.length = 0;
  world.livekit.fault = null;
});

/** A class that is open. */
async function open(given: Partial<Parameters<typeof storeLiveKitClass>[1]> = {}): Promise<LiveKitClass> {
  const lesson = await storeLiveKitClass(world.db, { startMs: START, ...given });
  await world.run(openSession, [lesson.ref]);
  return lesson;
}

/** One look while the class is live; the next is far enough for another try. */
const look = (
  { ref }: LiveKitClass,
  trial?: Parameters<TestActivities['run']>[2],
  untilMs = world.clock.nowMs + 2 * MINUTE,
): Promise<FetchResult> => world.run(fetchParticipants, [ref, { scope: 'present', untilMs }], trial);

const met = (ref: ClassRef) =>
  inTenant(world.db, ref.tenantId, (tx) =>
    tx
      .select({ identity: identities.identity, kind: identities.kind, state: classIdentities.state })
      .from(classIdentities)
      .innerJoin(identities, eq(identities.id, classIdentities.identityId))
      .where(eq(classIdentities.classId, ref.classId))
      .orderBy(asc(identities.kind), asc(identities.identity)),
  );

describe('a listing', () => {
  test('is stored whole, with the room and everybody in it', async () => {
    const lesson = await open();
    const { room, ref, teacher } = lesson;
    world.livekit.stay({ room, identity: teacher, fromMs: START - 5_000, untilMs: END });
    world.livekit.stay({ room, identity: 'recorder', kind: 'machine', fromMs: START, untilMs: END });
    world.clock.nowMs = START + MINUTE;
    expect(await look(lesson)).toMatchObject({
      roomsClosed: false,
      roomMissing: false,
      fetch: { ok: true, present: 1, problem: null },
    });
    const [sweep, ...others] = await sweepsOf(world.db, ref);
    expect(others).toEqual([]);
    expect(sweep).toMatchObject({
      source: 'livekit',
      ok: true,
      scope: 'present',
      roomExisted: true,
      at: new Date(START + MINUTE),
      rooms: [{ endMs: null }],
    });
    const personId = teacher.slice(0, 36);
    expect(sweep?.connections).toMatchObject([
      { identity: personId, startMs: START - 5_000, endMs: null, room: sweep?.rooms[0]?.room },
      { identity: 'recorder' },
    ]);
    expect(await met(ref)).toEqual([
      { identity: 'recorder', kind: 'machine', state: 'unmatched' },
      { identity: personId, kind: 'signed_in', state: 'matched' },
    ]);
  });

  test('makes no events: what a delivery told is in the log already', async () => {
    const lesson = await open();
    world.livekit.stay({ room: lesson.room, identity: lesson.teacher, fromMs: START, untilMs: END });
    await look(lesson);
    const logged = await inTenant(world.db, 'school', (tx) =>
      tx.select().from(events).where(eq(events.classId, lesson.ref.classId)),
    );
    expect(logged).toEqual([]);
  });

  test('counts a person with two devices once', async () => {
    const lesson = await open();
    const { room, student } = lesson;
    world.livekit.stay({ room, identity: student, fromMs: START, untilMs: END });
    world.livekit.stay({
      room,
      identity: student.replace('laptop', 'phone'),
      fromMs: START,
      untilMs: END,
    });
    world.livekit.stay({ room, identity: 'guest', fromMs: START, untilMs: END });
    expect((await look(lesson)).fetch.present).toBe(2);
    expect((await sweepsOf(world.db, lesson.ref))[0]?.connections).toHaveLength(3);
  });

  test('reads identities as the tenant writes them', async () => {
    await inTenant(world.db, 'itqan', async (tx) => {
      await ensureTenant(tx, 'itqan');
      await changeTenant(tx, 'itqan', { settings: { identity_form: 'itqan' } });
    });
    const lesson = await open({ tenantId: 'itqan' });
    world.livekit.stay({ room: lesson.room, identity: '17_Amal_Saleh', fromMs: START, untilMs: END });
    await look(lesson);
    expect((await sweepsOf(world.db, lesson.ref))[0]?.connections).toMatchObject([{ identity: '17' }]);
    expect(await met(lesson.ref)).toMatchObject([{ identity: '17', state: 'unmatched' }]);
  });

  test('that is stored twice is stored once', async () => {
    const lesson = await open();
    await look(lesson);
    await look(lesson);
    expect(await sweepsOf(world.db, lesson.ref)).toHaveLength(1);
  });
});

describe('every room has closed', () => {
  const closed = async (lesson: LiveKitClass) => {
    const { roomsClosed, roomMissing } = await look(lesson);
    return { roomsClosed, roomMissing };
  };

  test('not because nobody ever came', async () => {
    expect(await closed(await open())).toEqual({ roomsClosed: false, roomMissing: true });
  });

  test('when one was listed and is gone, also one that nobody entered', async () => {
    const lesson = await open();
    await world.livekit.create(lesson.room, { keepForSeconds: 60 });
    expect(await closed(lesson)).toEqual({ roomsClosed: false, roomMissing: false });
    world.clock.nowMs += 2 * MINUTE;
    expect(await closed(lesson)).toEqual({ roomsClosed: true, roomMissing: true });
    await world.livekit.create(lesson.room, { keepForSeconds: 60 });
    world.clock.nowMs += 1;
    expect(await closed(lesson)).toEqual({ roomsClosed: false, roomMissing: false });
  });

  test.each(['room_opened', 'room_closed', 'joined'] as const)(
    'when a delivery told of one (%s)',
    async (kind) => {
      const lesson = await open();
      const { classId } = lesson.ref;
      const event = { classId, source: 'livekit', sourceEventId: `${classId}-1`, kind, atMs: START };
      await inTenant(world.db, 'school', (tx) => appendEvents(tx, 'school', [{ ...event, room: 'RM_1' }]));
      expect(await closed(lesson)).toEqual({ roomsClosed: true, roomMissing: true });
    },
  );
});

describe('a listing that fails', () => {
  test('is tried again, and names nobody in the history', async () => {
    const lesson = await open();
    world.livekit.fault = AWAY;
    await expect(look(lesson, { attempt: 2 })).rejects.toMatchObject({
      message: 'LiveKit: unavailable',
      type: 'unavailable',
      nextRetryDelay: 2_000,
    });
    expect(await sweepsOf(world.db, lesson.ref)).toEqual([]);
  });

  test('is given up when the next look comes first, and goes on record as one that failed', async () => {
    const lesson = await open();
    const { ref, room, student } = lesson;
    world.livekit.stay({ room, identity: student, fromMs: START, untilMs: END });
    await look(lesson);
    world.livekit.fault = AWAY;
    world.clock.nowMs += MINUTE;
    expect(await look(lesson, {}, world.clock.nowMs + 1_000)).toMatchObject({
      roomsClosed: false,
      roomMissing: false,
      fetch: { ok: false, present: 0, problem: 'unavailable' },
    });
    expect(await sweepsOf(world.db, ref)).toMatchObject([
      { ok: true, connections: [{ identity: student.slice(0, 36) }] },
      { ok: false, roomExisted: null, connections: [], error: `unavailable: ${AWAY.message}` },
    ]);
  });

  test('is on the class until one succeeds', async () => {
    const lesson = await open();
    world.livekit.fault = REFUSED;
    expect((await look(lesson)).fetch).toEqual({ ok: false, present: 0, problem: 'unauthenticated' });
    const problem = {
      code: 'unauthenticated',
      message: REFUSED.message,
      since: new Date(START).toISOString(),
    };
    expect((await classRow(world.db, lesson.ref)).captureProblem).toEqual(problem);
    world.clock.nowMs += MINUTE;
    await look(lesson);
    expect((await classRow(world.db, lesson.ref)).captureProblem).toEqual(problem);
    world.livekit.fault = null;
    await look(lesson);
    expect((await classRow(world.db, lesson.ref)).captureProblem).toBeNull();
  });

  test('because LiveKit is off says which variable turns it on', async () => {
    const lesson = await open();
    const { fetch } = await look(lesson, { deps: { livekit: null } });
    expect(fetch).toEqual({ ok: false, present: 0, problem: 'not_configured' });
    expect((await classRow(world.db, lesson.ref)).captureProblem?.message).toContain('LIVEKIT_URL');
  });
});

describe('the listing after the end', () => {
  const last = ({ ref }: LiveKitClass, untilMs = END + 5 * MINUTE): Promise<FetchResult> =>
    world.run(fetchParticipants, [ref, { scope: 'all', untilMs }]);

  test('is one from the end on', async () => {
    const lesson = await open();
    world.clock.nowMs = END;
    expect(await last(lesson)).toMatchObject({ fetch: { ok: true } });
    expect(await sweepsOf(world.db, lesson.ref)).toMatchObject([{ at: new Date(END), scope: 'present' }]);
  });

  test('is made again when our clock was behind and it came before', async () => {
    const lesson = await open();
    world.clock.nowMs = END - 300;
    await expect(last(lesson)).rejects.toMatchObject({
      type: 'before_the_end',
      nextRetryDelay: 300,
      category: 'BENIGN',
    });
    world.clock.nowMs = END;
    expect(await last(lesson)).toMatchObject({ fetch: { ok: true } });
  });

  test('waits for no window that is longer than the grace', async () => {
    const lesson = await open({ policy: 'musa' });
    world.clock.nowMs = END + MINUTE;
    expect(await last(lesson, END + 6 * MINUTE)).toMatchObject({ fetch: { ok: true } });
    await expect(last(lesson, END + 31 * MINUTE)).rejects.toMatchObject({ nextRetryDelay: 29 * MINUTE });
  });
});

describe('fetching now', () => {
  const fetchNow = ({ ref }: LiveKitClass, attempt = 1) => world.run(fetchNowOnce, [ref], { attempt });

  test('tells who is there and who has been', async () => {
    const lesson = await open();
    const { room, teacher, student } = lesson;
    world.livekit.stay({ room, identity: teacher, fromMs: START, untilMs: START + MINUTE });
    world.livekit.stay({ room, identity: student, fromMs: START, untilMs: END });
    world.livekit.stay({ room, identity: 'recorder', kind: 'machine', fromMs: START, untilMs: END });
    await look(lesson);
    world.clock.nowMs += 2 * MINUTE;
    expect(await fetchNow(lesson)).toEqual({
      result: { ok: true, present: 1, participants: 2, conferences: 1 },
      ring: false,
    });
  });

  test('rings a class that waits for evidence', async () => {
    const lesson = await open();
    await inTenant(world.db, 'school', (tx) =>
      tx.update(classes).set({ status: 'reconciling' }).where(eq(classes.id, lesson.ref.classId)),
    );
    expect((await fetchNow(lesson)).ring).toBe(true);
    expect((await fetchNow(lesson)).ring).toBe(false);
  });

  test('answers with the fault when trying again would take too long', async () => {
    const lesson = await open();
    world.livekit.fault = REFUSED;
    expect((await fetchNow(lesson)).result).toEqual({
      ok: false,
      present: 0,
      participants: 0,
      conferences: 0,
      reason: { code: 'unauthenticated', message: REFUSED.message },
    });
    world.livekit.fault = AWAY;
    await expect(fetchNow(lesson)).rejects.toMatchObject({ type: 'unavailable' });
    expect((await fetchNow(lesson, 5)).result).toMatchObject({ ok: false, reason: { code: 'unavailable' } });
  });
});
