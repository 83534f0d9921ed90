import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { count, eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readCalculation } from '../db/calculations.ts';
import { inTenant } from '../db/client.ts';
import { events } from '../db/schema.ts';
import { listSetAside } from '../db/set-aside.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { asKept, delivery } from '../livekit/test-webhook.ts';
import { temporaryDirectory } from '../local/local-test.ts';
import { classRow } from '../temporal/test-class.ts';
import { type LiveKitClass, storeLiveKitClass } from '../temporal/test-livekit-class.ts';
import { noConnectionIsLeft, rollcall, spawnRollcall } from './test-rollcall.ts';
import { changeRow } from './test-settled.ts';

const START_MS = Date.parse('2026-03-02T09:00:00.000Z');
const MINUTE_MS = 60_000;

let database: TestDatabase;
let lesson: LiveKitClass;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  lesson = await storeLiveKitClass(database.db, { startMs: START_MS });
});

/** Everybody for the whole lesson. */
function told({ room, teacher, student, startMs, endMs }: LiveKitClass): Record<string, unknown>[] {
  const stay = (sid: string, identity: string) => [
    delivery('participant_joined', { room, sid, identity, atMs: startMs }),
    delivery('participant_left', { room, sid, identity, atMs: endMs, joinedMs: startMs }),
  ];
  return [
    delivery('room_started', { room, atMs: startMs - MINUTE_MS }),
    ...stay('PA_t', teacher),
    ...stay('PA_s', student),
    delivery('room_finished', { room, atMs: endMs + MINUTE_MS }),
  ];
}

function fileOf(lines: readonly string[]): string {
  const path = join(temporaryDirectory(), 'deliveries.jsonl');
  writeFileSync(path, lines.join('\n'));
  return path;
}

const env = () => ({ DATABASE_URL: database.serviceUrl });
const replay = (lines: readonly string[], ...options: string[]) =>
  rollcall(['replay-webhooks', fileOf(lines), ...options], env());

const stored = async ({ ref }: LiveKitClass): Promise<number> => {
  const rows = await inTenant(database.db, ref.tenantId, (tx) =>
    tx.select({ rows: count() }).from(events).where(eq(events.classId, ref.classId)),
  );
  return rows[0]?.rows ?? 0;
};

test('a log in any of its forms is stored once, however often it is replayed', async () => {
  const bodies = told(lesson).map((one) => JSON.stringify(one));
  const [bare = '', joined = '', ...others] = bodies;
  const track = JSON.stringify(
    delivery('track_published', { room: lesson.room, sid: 'PA_t', atMs: START_MS }),
  );
  const lines = [
    bare,
    '',
    // With more beside it, as GET /api/set-aside and a query of the events give it.
    JSON.stringify({ id: '7', source: 'livekit', event: 'participant_joined', raw: joined }),
    ...others.map((body) => JSON.stringify({ received_at: '2026-03-02T09:00:00Z', body })),
    `${track}\r`,
    JSON.stringify({ raw: `base64:${Buffer.from('{"event":"\0').toString('base64')}` }),
  ];
  const first = await spawnRollcall(['replay-webhooks', fileOf(lines), '--json'], env());
  expect(first.err).toMatch(/^Replaying .+ …\nReplaying .+: done in .+, 9 lines\n$/);
  const expected = { lines: 9, wrong: 0, wrong_lines: [], calculated: [], rung: [] };
  expect([first.status, JSON.parse(first.out)]).toEqual([
    0,
    { ...expected, accepted: 6, duplicate: 0, set_aside: 1, unusable: 1 },
  ]);
  expect(await stored(lesson)).toBe(6);

  const second = await replay(lines, '--json');
  expect([second.status, JSON.parse(second.out)]).toEqual([
    0,
    { ...expected, accepted: 0, duplicate: 6, set_aside: 1, unusable: 1 },
  ]);
  expect(await stored(lesson)).toBe(6);
  const aside = await inTenant(database.db, 'school', (tx) =>
    listSetAside(tx, 'school', { why: undefined, afterId: null, limit: 10 }),
  );
  expect(aside.map(({ why, raw }) => [why, raw])).toEqual([
    ['other', asKept(track)],
    ['unusable', expect.anything()],
  ]);
});

test('what GET /api/set-aside gives is there already', async () => {
  const bodies = [
    JSON.stringify(delivery('participant_joined', { room: 'of-nobody', sid: 'PA_n', atMs: START_MS })),
    JSON.stringify({ ...delivery('room_started', { room: 'of-nobody', atMs: START_MS }), id: undefined }),
    JSON.stringify({ event: 'room_started', more: 'x'.repeat(100_000) }),
  ];
  await replay(bodies.map((body) => JSON.stringify({ body })));
  const kept = () =>
    inTenant(database.db, 'school', async (tx) => {
      const rows = await listSetAside(tx, 'school', { why: undefined, afterId: null, limit: 100 });
      return rows.map(({ id, raw }) => ({ id: String(id), raw }));
    });
  const before = await kept();
  expect(before.length).toBeGreaterThanOrEqual(bodies.length);
  const again = await replay(
    before.map((row) => JSON.stringify(row)),
    '--json',
  );
  expect(JSON.parse(again.out)).toMatchObject({ wrong: 0, lines: before.length });
  expect(await kept()).toEqual(before);
});

test("one school's are not taken for those of another that has a room of that name", async () => {
  await rollcall(['tenant', 'add', 'academy'], env());
  const lines = told(lesson).map((one) => JSON.stringify(one));
  const theirs = await replay(lines, '--tenant', 'academy', '--json');
  expect(JSON.parse(theirs.out)).toMatchObject({ accepted: 0, set_aside: lines.length });
  expect(await stored(lesson)).toBe(0);
  const ours = await replay(lines, '--tenant', 'school', '--json');
  expect(JSON.parse(ours.out)).toMatchObject({ accepted: lines.length });
  expect((await replay(lines, '--tenant', 'nowhere')).err).toContain('there is no school "nowhere"');
});

test('lines that are no deliveries are named by their numbers, and the others are stored', async () => {
  const [started = '', joined = ''] = told(lesson).map((one) => JSON.stringify(one));
  const { status, out, err } = await replay([
    started,
    '{"event": "participant_',
    '[]',
    '{"raw": null, "event": "participant_joined"}',
    `${joined}\n`,
    '{"unlike": "a webhook"}',
  ]);
  expect(status).toBe(1);
  expect(out).toBe('7 lines: 2 accepted, 0 duplicate, 0 set aside, 0 unusable, 4 not stored.\n');
  expect(err).toContain('line 2: no JSON: ');
  expect(err).toContain('line 3: expected a delivery of LiveKit, or {"body": "…"} or {"raw": "…"}');
  expect(err).toContain('rollcall: 4 of 7 lines were not stored: 2, 3, 4, 7.\n');
  expect(await stored(lesson)).toBe(2);
});

describe('evidence that comes after the end', () => {
  test('of a settled class is calculated', async () => {
    const { ref } = lesson;
    await changeRow(database.db, ref, { status: 'incomplete', settledAt: new Date() });
    const { out } = await replay(
      told(lesson).map((one) => JSON.stringify(one)),
      '--json',
    );
    expect(JSON.parse(out).calculated).toEqual([{ tenant: 'school', class_id: ref.classId, version: 1 }]);
    const calculation = await inTenant(database.db, 'school', (tx) => readCalculation(tx, ref));
    expect(calculation?.people.map(({ status }) => status)).toEqual(['present', 'present']);
    expect(await classRow(database.db, ref)).toMatchObject({ status: 'completed', evidencePending: false });
  });

  test('of one that waits for it is told to the server', async () => {
    await changeRow(database.db, lesson.ref, { status: 'reconciling' });
    const { out } = await replay(told(lesson).map((one) => JSON.stringify(one)));
    expect(out).toContain(`Class ${lesson.ref.classId} of school waits for evidence, and is told of this.`);
    expect((await classRow(database.db, lesson.ref)).planVersion).toBe(2);
  });
});

test('a long log is read in parts', { timeout: 120_000 }, async () => {
  const { room, student, startMs } = lesson;
  const lines = Array.from({ length: 2_345 }, (_, n) =>
    JSON.stringify(
      delivery('participant_joined', { room, sid: `PA_${n}`, identity: student, atMs: startMs + n * 1_000 }),
    ),
  );
  // Longer than any delivery: its end must not be put to its beginning.
  lines.splice(1_000, 0, JSON.stringify({ event: 'participant_joined', padding: 'x'.repeat(3_000_000) }));
  const { status, out } = await replay(lines, '--json');
  expect(status).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ lines: 2_346, accepted: 2_345, wrong_lines: [{ line: 1_001 }] });
});

describe('what cannot be done', () => {
  test.each([
    ['no file', 2, [], "missing required argument 'file'"],
    ['a file that is not there', 1, ['/nowhere/log.jsonl'], '/nowhere/log.jsonl cannot be read (ENOENT)'],
    ['a directory', 1, ['/'], '/ is a directory: expected a file'],
  ])('%s', async (_what, status, args, said) => {
    const ended = await rollcall(['replay-webhooks', ...args], env());
    expect([ended.status, ended.out]).toEqual([status, '']);
    expect(ended.err).toContain(said);
  });

  test('a database that is away', async () => {
    const { status, out, err } = await rollcall(['replay-webhooks', fileOf(['{"event": "room_started"}'])], {
      DATABASE_URL: 'postgresql://owner:a-secret@127.0.0.1:1/rollcall',
    });
    expect([status, out]).toEqual([1, '']);
    expect(err).toContain('rollcall: the database cannot be reached');
  });
});

test('none of them has left a connection open, for which its process would not end', () =>
  noConnectionIsLeft(database));
