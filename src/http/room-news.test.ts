import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClassRef, inTenant } from '../db/client.ts';
import { noteOccupancy } from '../db/occupancy.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { appendEvents } from '../ingest/append-events.ts';
import { readDelivery } from '../livekit/read-webhook.ts';
import { delivery } from '../livekit/test-webhook.ts';
import { storeLiveKitClass } from '../temporal/test-livekit-class.ts';
import { createRoomNews, type RoomNews } from './room-news.ts';

const START = Date.parse('2026-03-02T09:00:00.000Z');
const SECOND = 1_000;
const PATIENCE = { timeout: 20_000 };

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

interface Watched {
  news: RoomNews;
  /** Until so many rings were prepared: of which class, and when by the clock. */
  rings(count: number): Promise<{ classId: string; atMs: number }[]>;
}

/** `refuses` is asked at each ring, within the transaction, and fails it by throwing. Each look is five seconds after the last. */
function watch(refuses: (ref: ClassRef, news: RoomNews) => void): Watched {
  let nowMs = START;
  const rung: { classId: string; atMs: number }[] = [];
  const waiting: { count: number; resolve(): void }[] = [];
  const news = createRoomNews({
    db: database.db,
    log: pino({ level: 'silent' }),
    now: () => (nowMs += 5 * SECOND),
    evidenceBell: {
      async prepare(_tx, ref) {
        rung.push({ classId: ref.classId, atMs: nowMs });
        for (const one of waiting) if (rung.length >= one.count) one.resolve();
        refuses(ref, news);
        return async () => {};
      },
    },
  });
  return {
    news,
    rings: (count) => new Promise((resolve) => waiting.push({ count, resolve: () => resolve(rung) })),
  };
}

function tell(news: RoomNews, ref: ClassRef, event: 'participant_joined' | 'room_finished'): void {
  const told = delivery(event, { room: 'room', sid: `PA_${randomUUID()}`, atMs: START });
  const read = readDelivery(Buffer.from(JSON.stringify(told)), START);
  news.tell(read, { as: 'accepted', tenantId: ref.tenantId, ref, late: null });
}

test('what a look that failed was to tell is told by a later one, some seconds after', PATIENCE, async () => {
  const { ref } = await storeLiveKitClass(database.db, { startMs: START });
  let failures = 2;
  const { news, rings } = watch(() => {
    if (failures-- > 0) throw new Error('the database is away');
  });
  const told = rings(3);
  tell(news, ref, 'room_finished');
  const times = (await told).map(({ atMs }) => atMs);
  expect(times).toHaveLength(3);
  for (const [n, atMs] of times.entries()) {
    if (n > 0) expect(atMs - (times[n - 1] ?? 0)).toBeGreaterThanOrEqual(10 * SECOND);
  }
});

test('what is due anew when a look fails is not weakened by what was due before', PATIENCE, async () => {
  const quiet = (await storeLiveKitClass(database.db, { startMs: START })).ref;
  const loud = (await storeLiveKitClass(database.db, { startMs: START })).ref;
  let failed = false;
  const { news, rings } = watch(() => {
    if (failed) return;
    failed = true;
    tell(news, quiet, 'room_finished');
    throw new Error('the database is away');
  });
  const told = rings(3);
  // Somebody came whom the log does not know: looked at, and nothing to ring for.
  tell(news, quiet, 'participant_joined');
  tell(news, loud, 'room_finished');
  const rung = (await told).map(({ classId }) => classId);
  expect(rung.toSorted()).toEqual([loud.classId, loud.classId, quiet.classId].toSorted());
});

test(
  'what a server learned of a room it does not take for granted for long: another may know better',
  PATIENCE,
  async () => {
    const { ref } = await storeLiveKitClass(database.db, { startMs: START });
    await inTenant(database.db, ref.tenantId, (tx) =>
      tx.execute(sql`update classes set status = 'open' where id = ${ref.classId}`),
    );
    const connection = { connection: 'PA_1', room: 'RM_1', identity: 'ana' };
    const event = { classId: ref.classId, source: 'livekit', atMs: START, ...connection };
    const log = (kind: 'joined' | 'left', n: number) =>
      inTenant(database.db, ref.tenantId, (tx) =>
        appendEvents(tx, ref.tenantId, [
          { ...event, kind, connection: `PA_${Math.ceil(n / 2)}`, sourceEventId: `${n}` },
        ]),
      );
    const { news, rings } = watch(() => {});
    const first = rings(1);
    await log('joined', 1);
    tell(news, ref, 'participant_joined');
    await first;
    // The other server heard of the leaving, and rang.
    await log('left', 2);
    await inTenant(database.db, ref.tenantId, (tx) => noteOccupancy(tx, ref.tenantId, [ref.classId]));
    const second = rings(2);
    await log('joined', 3);
    tell(news, ref, 'participant_joined');
    tell(news, ref, 'participant_joined');
    expect(await second).toHaveLength(2);
  },
);
