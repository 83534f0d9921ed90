import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storeClass } from '../temporal/test-class.ts';
import { inTenant } from './client.ts';
import { openAt, readPlan } from './plans.ts';
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

  const plan = async (given: Parameters<typeof storeClass>[1]) => {
    const ref = await storeClass(database.db, given);
    return await inTenant(database.db, ref.tenantId, (tx) =>
      readPlan(tx, ref, { firstMs: 600_000, forMs: 604_800_000 }),
    );
  };

  test('the counting window ends with the overrun of the policy', async () => {
    expect(await plan({ startMs: START, policy: 'musa' })).toMatchObject({
      windowEndMs: START + 70 * MINUTE,
      graceUntilMs: START + 75 * MINUTE,
      reconcileSinceMs: START + 70 * MINUTE,
    });
  });

  test('the overrun ends where the next class in the same room begins', async () => {
    const meetingCode = 'abc-mnop-xyz';
    await storeClass(database.db, { startMs: START + 50 * MINUTE, meetingCode });
    expect(await plan({ startMs: START, policy: 'musa', meetingCode })).toMatchObject({
      windowEndMs: START + 50 * MINUTE,
    });
  });

  test('a class that was over when it was scheduled waits for evidence from its scheduling on', async () => {
    const scheduledAtMs = START + 41 * MINUTE;
    expect(await plan({ startMs: START, scheduledAtMs })).toMatchObject({
      scheduledAfterwards: true,
      reconcileSinceMs: scheduledAtMs,
    });
  });

  test('only Meet is asked at intervals', async () => {
    expect(await plan({ startMs: START })).toMatchObject({ checkMs: 180_000, needsSpace: true });
    expect(await plan({ startMs: START, provider: 'whiteboard' })).toMatchObject({
      checkMs: null,
      needsSpace: false,
    });
  });
});
