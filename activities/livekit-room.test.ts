/** A LiveKit room is made, kept, deleted and closed; and finds what was told about it before it had a class. */
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelClass, changeClass } from '../src/db/change-class.ts';
import { inTenant } from '../src/db/client.ts';
import { classes, events, setAside } from '../src/db/schema.ts';
import { delivery, sha256 } from '../src/livekit/test-webhook.ts';
import { classRow } from '../src/temporal/test-class.ts';
import { AWAY, REFUSED } from '../src/temporal/test-livekit.ts';
import { type LiveKitClass, storeLiveKitClass } from '../src/temporal/test-livekit-class.ts';
import { closeCancelled } from './close-cancelled.ts';
import { deleteEmptyRoom } from './delete-empty-room.ts';
import { openSession } from './open-session.ts';
import { prepareRoom } from './prepare-room.ts';
import { reconcile } from './reconcile.ts';
import { startTestActivities, type TestActivities } from './test-activities.ts';

const START = Date.parse('2026-03-02T09:00:00.000Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const END = START + 40 * MINUTE;

let world: TestActivities;
beforeAll(async () => {
  world = await startTestActivities(START);
});
afterAll(() => world.drop());
beforeEach(() => {
  world.clock.nowMs = START;
  world.livekit.calls.length = 0;
  world.livekit.kept.length = 0;
  world.livekit.fault = null;
});

async function open(given: Partial<Parameters<typeof storeLiveKitClass>[1]> = {}): Promise<LiveKitClass> {
  const lesson = await storeLiveKitClass(world.db, { startMs: START, ...given });
  await world.run(openSession, [lesson.ref]);
  return lesson;
}
const asked = () => world.livekit.calls.map(({ name }) => name);

describe('the room of a class', () => {
  test.each([
    ['itqan', 40 * 60],
    ['musa', 70 * 60],
  ])('is kept while empty until the counting window of %s ends, and a minute longer', async (policy, s) => {
    const { ref, room } = await open({ policy });
    await world.run(prepareRoom, [ref]);
    expect(world.livekit.kept).toEqual([{ room, forSeconds: s + 60 }]);
  });

  test("is not made on another school's own LiveKit, and the class says so", async () => {
    const { ref } = await open();
    const deps = { livekit: { ...world.livekit, ownTenant: 'elsewhere' } };
    await expect(world.run(prepareRoom, [ref], { deps })).rejects.toMatchObject({ type: 'not_configured' });
    expect((await classRow(world.db, ref)).captureProblem).toMatchObject({ code: 'not_configured' });
    expect(asked()).toEqual([]);
    await world.run(prepareRoom, [ref], { deps: { livekit: { ...world.livekit, ownTenant: ref.tenantId } } });
    expect(asked()).toEqual(['create']);
  });

  test('is tried again until LiveKit makes it, and the class says why not', async () => {
    const { ref } = await open();
    world.livekit.fault = AWAY;
    await expect(world.run(prepareRoom, [ref], { attempt: 4 })).rejects.toMatchObject({
      type: 'unavailable',
      nextRetryDelay: 8_000,
    });
    expect((await classRow(world.db, ref)).captureProblem).toMatchObject({ code: 'unavailable' });
    world.livekit.fault = null;
    await world.run(prepareRoom, [ref]);
    expect((await classRow(world.db, ref)).captureProblem).toBeNull();
  });

  test('is tried again also when somebody must mend something first', async () => {
    const { ref } = await open();
    world.livekit.fault = REFUSED;
    await expect(world.run(prepareRoom, [ref])).rejects.toMatchObject({
      message: 'LiveKit: unauthenticated',
      nonRetryable: false,
      nextRetryDelay: 60_000,
    });
  });

  test.each(['scheduled', 'ended', 'cancelled'] as const)(
    'is not made for one that is %s',
    async (status) => {
      const { ref } = await open();
      await inTenant(world.db, 'school', (tx) =>
        tx.update(classes).set({ status }).where(eq(classes.id, ref.classId)),
      );
      await world.run(prepareRoom, [ref]);
      expect(asked()).toEqual([]);
    },
  );
});

describe('the room of a class that is over', () => {
  const leave = ({ ref }: LiveKitClass, attempt = 1) =>
    world.run(deleteEmptyRoom, [ref, { untilMs: END + 5 * MINUTE }], { attempt });

  test('is deleted if nobody is in it', async () => {
    const lesson = await open();
    await world.run(prepareRoom, [lesson.ref]);
    world.livekit.stay({
      room: lesson.room,
      identity: 'recorder',
      kind: 'machine',
      fromMs: START,
      untilMs: END,
    });
    world.clock.nowMs = END;
    expect(await leave(lesson)).toBe('deleted');
    expect(await leave(lesson)).toBe('missing');
  });

  test('is left to those who are in it', async () => {
    const lesson = await open();
    const { room, student } = lesson;
    world.livekit.stay({ room, identity: student, fromMs: START, untilMs: END + MINUTE });
    world.clock.nowMs = END;
    expect(await leave(lesson)).toBe('occupied');
  });

  test('is left to LiveKit when the grace is over', async () => {
    const lesson = await open();
    world.livekit.fault = AWAY;
    world.clock.nowMs = END;
    await expect(leave(lesson)).rejects.toMatchObject({ type: 'unavailable' });
    world.clock.nowMs = END + 5 * MINUTE - 1_000;
    expect(await leave(lesson)).toBe('not_known');
  });
});

describe('the room of a cancelled class', () => {
  async function cancelled(given: Parameters<typeof open>[0] = {}): Promise<LiveKitClass> {
    const lesson = await open(given);
    await inTenant(world.db, 'school', (tx) =>
      tx.update(classes).set({ status: 'cancelled' }).where(eq(classes.id, lesson.ref.classId)),
    );
    return lesson;
  }
  const settled = async ({ ref }: LiveKitClass) => (await classRow(world.db, ref)).settledAt !== null;

  test('is closed, whoever is in it', async () => {
    const lesson = await cancelled();
    await world.run(closeCancelled, [lesson.ref]);
    expect(asked()).toEqual(['close']);
    expect(await settled(lesson)).toBe(true);
    await world.run(closeCancelled, [lesson.ref]);
    expect(asked()).toEqual(['close']);
  });

  const TOMORROW = START + 24 * HOUR;
  test.each([
    ['was never opened', TOMORROW],
    ['was opened and then moved to tomorrow', START + MINUTE / 2],
  ])('is closed also if it %s: whoever has a token makes the room', async (_which, startMs) => {
    const lesson = await open({ startMs });
    const { ref, room, student } = lesson;
    await inTenant(world.db, 'school', async (tx) => {
      await changeClass(tx, ref, { startMs: TOMORROW }, world.deps.now);
      await cancelClass(tx, ref, 'The teacher is ill.', world.deps.now);
    });
    expect((await classRow(world.db, ref)).openedAt).toBeNull();
    world.livekit.stay({ room, identity: student, fromMs: START, untilMs: TOMORROW });
    await world.run(closeCancelled, [ref]);
    expect(world.livekit.calls).toMatchObject([{ name: 'close', room }]);
    expect(await settled(lesson)).toBe(true);
  });

  test('keeps no class waiting where LiveKit is off', async () => {
    const lesson = await cancelled({ startMs: TOMORROW });
    await world.run(closeCancelled, [lesson.ref], { deps: { livekit: null } });
    expect(await settled(lesson)).toBe(true);
    expect((await classRow(world.db, lesson.ref)).captureProblem).toMatchObject({ code: 'not_configured' });
  });

  test('is given up after five tries: people leave by themselves', async () => {
    const lesson = await cancelled();
    world.livekit.fault = AWAY;
    await expect(world.run(closeCancelled, [lesson.ref], { attempt: 4 })).rejects.toMatchObject({
      type: 'unavailable',
    });
    expect(await settled(lesson)).toBe(false);
    await world.run(closeCancelled, [lesson.ref], { attempt: 5 });
    expect(await settled(lesson)).toBe(true);
    expect((await classRow(world.db, lesson.ref)).captureProblem).toMatchObject({ code: 'unavailable' });
  });
});

describe('what was told of a room before it had a class', () => {
  const aside = async (room: string, sid: string): Promise<void> => {
    const raw = JSON.stringify(delivery('participant_joined', { room, sid, atMs: START - MINUTE }));
    await inTenant(world.db, 'school', (tx) =>
      tx.insert(setAside).values({
        tenantId: 'school',
        source: 'livekit',
        sourceEventId: sid,
        why: 'no_class',
        roomName: room,
        raw,
        rawHash: sha256(raw),
      }),
    );
  };
  const logged = ({ ref }: LiveKitClass) =>
    inTenant(world.db, 'school', async (tx) => {
      const rows = await tx.select().from(events).where(eq(events.classId, ref.classId));
      return rows.map(({ connection }) => connection);
    });

  test('is its evidence from the opening on', async () => {
    const lesson = await storeLiveKitClass(world.db, { startMs: START });
    await aside(lesson.room, 'PA_early');
    await world.run(openSession, [lesson.ref]);
    expect(await logged(lesson)).toEqual(['PA_early']);
  });

  test('is there for every calculation', async () => {
    const lesson = await open();
    await aside(lesson.room, 'PA_late');
    world.clock.nowMs = END + 5 * MINUTE;
    await world.run(reconcile, [lesson.ref, { attempt: 1, nextMs: END + 15 * MINUTE }]);
    expect(await logged(lesson)).toEqual(['PA_late']);
  });
});
