import { randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storeClass } from '../temporal/test-class.ts';
import { type ClassRef, inTenant } from './client.ts';
import { openAt, readPlan } from './plans.ts';
import { sessions } from './schema.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

const START = Date.parse('2030-01-07T09:00:00.000Z');
const MINUTE = 60_000;

describe('when a session is opened', () => {
  test.each([
    ['00000000-0000-4000-8000-000000000000', START - 60_000],
    ['80000000-0000-4000-8000-000000000000', START - 60_000 + 22_500],
    ['ffffffff-ffff-4fff-bfff-ffffffffffff', START - 15_001],
  ])('%s has its place in the first three quarters of the lead', (id, at) => {
    expect(openAt(id, START, 60_000)).toBe(at);
  });

  test('a thousand classes are spread over the lead and none comes near the start', () => {
    const instants = Array.from({ length: 1_000 }, () => openAt(randomUUID(), START, 60_000));
    expect(Math.max(...instants)).toBeLessThanOrEqual(START - 15_000);
    const perSecond = Map.groupBy(instants, (at) => Math.floor(at / 1_000));
    expect(perSecond.size).toBe(45);
    expect(Math.max(...[...perSecond.values()].map((some) => some.length))).toBeLessThan(60);
  });

  test('without a lead it is the start', () => {
    expect(openAt(randomUUID(), START, 0)).toBe(START);
  });
});

describe('the plan of a class', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  const readPlanOf = (ref: ClassRef) =>
    inTenant(database.db, ref.tenantId, (tx) => readPlan(tx, ref, { firstMs: 600_000, forMs: 604_800_000 }));
  const plan = async (given: Parameters<typeof storeClass>[1]) =>
    await readPlanOf(await storeClass(database.db, given));

  type Place = Partial<Pick<typeof sessions.$inferInsert, 'spaceName' | 'meetingCode'>>;
  const spaceName = 'spaces/one';
  const meetingCode = 'abc-mnop-xyz';
  const place = ({ tenantId, classId }: ClassRef, values: Place) =>
    inTenant(database.db, tenantId, (tx) =>
      tx.update(sessions).set(values).where(eq(sessions.classId, classId)),
    );

  test('the counting window ends with the overrun of the policy', async () => {
    expect(await plan({ startMs: START, policy: 'musa' })).toMatchObject({
      windowEndMs: START + 70 * MINUTE,
      graceUntilMs: START + 75 * MINUTE,
      reconcileSinceMs: START + 70 * MINUTE,
    });
  });

  test('the overrun ends where the next class in the same room begins', async () => {
    await storeClass(database.db, { startMs: START + 50 * MINUTE, meetingCode });
    expect(await plan({ startMs: START, policy: 'musa', meetingCode })).toMatchObject({
      windowEndMs: START + 50 * MINUTE,
    });
  });

  test.each<[string, Place, Place]>([
    ['by code, where only the first has its space by now', { spaceName, meetingCode }, { meetingCode }],
    ['by code, where only the second has its space by now', { meetingCode }, { spaceName, meetingCode }],
    ['by space, whatever the codes', { spaceName, meetingCode }, { spaceName, meetingCode: 'xyz-mnop-abc' }],
  ])('the next class in the same room is known %s', async (_title, here, there) => {
    const tenantId = `rooms-${randomUUID()}`;
    const next = await storeClass(database.db, { startMs: START + 50 * MINUTE, tenantId });
    const ref = await storeClass(database.db, { startMs: START, policy: 'musa', tenantId });
    const other = await storeClass(database.db, { startMs: START + 45 * MINUTE, tenantId });
    await place(ref, here);
    await place(next, there);
    await place(other, { spaceName: 'spaces/other', meetingCode: 'abc-mnop-xyw' });
    expect(await readPlanOf(ref)).toMatchObject({ windowEndMs: START + 50 * MINUTE });
    await place(next, { spaceName: null, meetingCode: null });
    expect(await readPlanOf(ref)).toMatchObject({ windowEndMs: START + 70 * MINUTE });
  });

  test('classes that have no place yet are not in the same room', async () => {
    await storeClass(database.db, { startMs: START + 50 * MINUTE, tenantId: 'placeless' });
    expect(await plan({ startMs: START, policy: 'musa', tenantId: 'placeless' })).toMatchObject({
      windowEndMs: START + 70 * MINUTE,
    });
  });

  test('a class that was over when it was scheduled waits for evidence from its scheduling on', async () => {
    const scheduledAtMs = START + 41 * MINUTE;
    expect(await plan({ startMs: START, scheduledAtMs })).toMatchObject({
      scheduledAfterwards: true,
      reconcileSinceMs: scheduledAtMs,
    });
  });

  test('Meet is asked and LiveKit is verified at intervals, each at its own', async () => {
    expect(await plan({ startMs: START })).toMatchObject({ checkMs: 180_000, needsSpace: true });
    expect(await plan({ startMs: START, provider: 'livekit', roomName: 'room' })).toMatchObject({
      checkMs: 120_000,
      needsSpace: false,
    });
    expect(await plan({ startMs: START, provider: 'whiteboard' })).toMatchObject({
      checkMs: null,
      needsSpace: false,
    });
  });

  test('a space is read when a code was given, made when none was, and neither when it is known', async () => {
    const ref = await storeClass(database.db, { startMs: START });
    expect(await readPlanOf(ref)).toMatchObject({ needsSpace: true, spaceGiven: false });
    await place(ref, { meetingCode });
    expect(await readPlanOf(ref)).toMatchObject({ needsSpace: true, spaceGiven: true });
    await place(ref, { spaceName });
    expect(await readPlanOf(ref)).toMatchObject({ needsSpace: false });
  });
});
