import { createServer } from 'node:net';
import { AccessToken } from 'livekit-server-sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inTenant } from '../db/client.ts';
import { ensureTenant } from '../db/tenants.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { appendEvents, type NewEvent } from '../ingest/append-events.ts';
import { type FakeLiveKit, useFakeLiveKit } from '../livekit/fake-livekit.ts';
import type { LiveKitSettings } from '../livekit/keys.ts';
import { useLiveKit } from '../livekit/test-livekit.ts';
import { classRow } from '../temporal/test-class.ts';
import { type LiveKitClass, storeLiveKitClass, sweepsOf } from '../temporal/test-livekit-class.ts';
import { noConnectionIsLeft, rollcall, spawnRollcall } from './test-rollcall.ts';
import { changeRow } from './test-settled.ts';

const MINUTE_MS = 60_000;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** A class that began ten minutes ago, in a school of its own. */
let lesson: LiveKitClass;
let schools = 0;
beforeEach(async () => {
  lesson = await openClass(`school-${++schools}`);
});

async function openClass(tenantId: string): Promise<LiveKitClass> {
  const startMs = Math.floor(Date.now() / 1_000) * 1_000 - 10 * MINUTE_MS;
  const made = await storeLiveKitClass(database.db, { startMs, tenantId });
  await changeRow(database.db, made.ref, { status: 'open', openedAt: new Date(startMs) });
  return made;
}

const env = ({ url, key }: LiveKitSettings) => ({
  DATABASE_URL: database.serviceUrl,
  LIVEKIT_URL: url,
  LIVEKIT_API_KEY: key.apiKey,
  LIVEKIT_API_SECRET: key.secret,
});
const verify = (settings: LiveKitSettings, ...args: string[]) =>
  rollcall(['verify-livekit', '--tenant', lesson.ref.tenantId, ...args], env(settings));

const append = ({ ref }: LiveKitClass, ...events: Omit<NewEvent, 'classId' | 'source' | 'sourceEventId'>[]) =>
  inTenant(database.db, ref.tenantId, (tx) =>
    appendEvents(
      tx,
      ref.tenantId,
      events.map((event, n) => ({
        ...event,
        classId: ref.classId,
        source: 'livekit',
        sourceEventId: `EV_${n}`,
      })),
    ),
  );
const personOf = (identity: string): string => identity.slice(0, 36);
const iso = (ms: number): string => new Date(ms).toISOString();

describe('with a LiveKit that tells what it is told to', () => {
  const livekit = useFakeLiveKit();
  /** Who is in the room of a class, by participant sid, and since when. */
  function listed(fake: FakeLiveKit, { room }: LiveKitClass, ...present: [string, string, number][]): void {
    fake.answers.ListRooms = { body: { rooms: [{ sid: 'RM_1', name: room, creationTime: '1767603600' }] } };
    fake.answers.ListParticipants = {
      body: {
        participants: present.map(([sid, identity, joinedAtMs]) => ({
          ...{ sid, identity, state: 'ACTIVE', joinedAtMs: String(joinedAtMs) },
          ...(identity.startsWith('agent') ? { kind: 'AGENT' } : {}),
        })),
      },
    };
  }

  test('it says whom the log does not know, whom it has as left, and whom it has although gone; then keeps that', async () => {
    const { startMs, teacher, student, ref, room } = lesson;
    const at = (minutes: number): number => startMs + minutes * MINUTE_MS;
    const of = (identity: string, connection: string) => ({
      identity: personOf(identity),
      connection,
      room: 'RM_1',
    });
    await append(
      lesson,
      { kind: 'joined', atMs: at(0), ...of(teacher, 'PA_t1') },
      { kind: 'left', atMs: at(2), ...of(teacher, 'PA_t1') },
      { kind: 'joined', atMs: at(1), ...of('guest', 'PA_g'), identity: 'guest\u001b[2J' },
      { kind: 'joined', atMs: at(0), ...of(student, 'PA_s1') },
    );
    listed(
      livekit(),
      lesson,
      ['PA_t1', teacher, at(0)],
      ['PA_s1', student, at(0)],
      ['PA_s2', student.replace('laptop', 'phone'), at(3)],
      ['PA_a', 'agent-1', at(0)],
    );
    const changes = [
      {
        change: 'left_in_log',
        who: 'teacher@school.example',
        connection: 'PA_t1',
        left_at: iso(at(2)),
      },
      { change: 'not_listed', who: 'guest\u001b[2J', connection: 'PA_g', end: iso(at(1)), mark: 'estimated' },
      { change: 'not_in_log', who: 'student@school.example', connection: 'PA_s2', since: iso(at(3)) },
    ];
    const dry = await verify(livekit().settings, '--dry-run', '--json');
    expect(dry.status).toBe(0);
    const expected = { class_id: ref.classId, room, room_existed: true, present: 2, changes };
    const { classes, ...rest } = JSON.parse(dry.out);
    expect(rest).toEqual({ tenant: ref.tenantId, dry_run: true, failed: [] });
    expect(classes).toEqual([{ ...expected, listed_at: expect.any(String), kept: false }]);
    expect(await sweepsOf(database.db, ref)).toEqual([]);

    const kept = await verify(livekit().settings, '--json');
    expect(JSON.parse(kept.out).classes).toEqual([
      { ...expected, listed_at: expect.any(String), kept: true },
    ]);
    const [sweep, ...others] = await sweepsOf(database.db, ref);
    expect(others).toEqual([]);
    expect(sweep).toMatchObject({ ok: true, roomExisted: true, scope: 'present' });
    expect(sweep?.connections).toHaveLength(4);
    expect(sweep?.at.toISOString()).toBe(JSON.parse(kept.out).classes[0].listed_at);

    // What is known by now is no change; a left that is not true stays in the log.
    const again = await verify(livekit().settings, '--dry-run');
    expect(again.out).toContain(
      ' UTC: 2 in the room\n  + teacher@school.example is there, and by the log has left',
    );
    expect(again.out).toMatch(/\(PA_t1\)\nNothing was kept \(--dry-run\)\.\n$/);
  });

  test('it writes for people without what a stranger would do to the terminal', async () => {
    listed(livekit(), lesson, ['PA_x', 'who\u001b[2J', lesson.startMs]);
    const { out } = await verify(livekit().settings, '--session', lesson.ref.classId, '--dry-run');
    expect(out).toContain('1 in the room\n  + who is there since ');
    expect(out).not.toContain('\u001b');
  });

  test('a room that is missing is said to be', async () => {
    await append(lesson, {
      kind: 'joined',
      atMs: lesson.startMs,
      identity: 'guest',
      connection: 'PA_g',
      room: 'RM_1',
    });
    livekit().answers.ListRooms = { body: { rooms: [] } };
    const { status, out } = await verify(livekit().settings);
    expect(status).toBe(0);
    expect(out).toContain('the room is not there\n  - guest is not there');
    expect(out).toContain('Kept: 1 of 1.');
    expect(await sweepsOf(database.db, lesson.ref)).toMatchObject([{ ok: true, roomExisted: false }]);
  });

  test('a room that cannot be asked is named and changes nothing, and the others are verified', async () => {
    const other = await openClass(lesson.ref.tenantId);
    listed(livekit(), lesson);
    // The room of one is asked for, the call about the other fails.
    livekit().answers.ListParticipants = [{ status: 500 }, { body: { participants: [] } }];
    livekit().answers.ListRooms = {
      body: { rooms: [lesson.room, other.room].map((name) => ({ sid: `RM_${name}`, name })) },
    };
    const { status, out, err } = await verify(livekit().settings, '--json');
    expect(status).toBe(1);
    const { classes, failed } = JSON.parse(out);
    expect([classes.length, failed.length]).toEqual([1, 1]);
    expect(failed[0].reason).toContain('LiveKit failed (500');
    expect(err).toContain(`rollcall: 1 of 2 rooms could not be verified: class ${failed[0].class_id}: `);
    const broken = failed[0].class_id === other.ref.classId ? other : lesson;
    expect(await sweepsOf(database.db, broken.ref)).toEqual([]);
    expect((await classRow(database.db, broken.ref)).captureProblem).toBeNull();
  });

  test('without any that is open it asks for nothing', async () => {
    await inTenant(database.db, 'empty', (tx) => ensureTenant(tx, 'empty'));
    const { status, out } = await verify(livekit().settings, '--tenant', 'empty');
    expect([status, out]).toEqual([0, 'No LiveKit class of empty is open now.\n']);
    expect(livekit().calls).toEqual([]);
  });

  test('a class that is settled is calculated again, one that waits for evidence is told to the server', async () => {
    const { ref } = lesson;
    livekit().answers.ListRooms = { body: { rooms: [] } };
    await changeRow(database.db, ref, { status: 'incomplete', settledAt: new Date() });
    expect((await verify(livekit().settings, '--session', ref.classId)).status).toBe(0);
    expect((await classRow(database.db, ref)).policyVersion).toBe(0);
    await changeRow(database.db, ref, { status: 'reconciling', settledAt: null });
    await verify(livekit().settings, '--session', ref.classId);
    expect((await classRow(database.db, ref)).planVersion).toBe(2);
  });

  test.each([
    ['that meets elsewhere', { provider: 'meet' } as const, 'has no LiveKit room: it meets on meet'],
    ['that is cancelled', { status: 'cancelled' } as const, 'is cancelled'],
  ])('a class %s has nothing to verify', async (_what, values, said) => {
    await changeRow(database.db, lesson.ref, values);
    const { status, err } = await verify(livekit().settings, '--session', lesson.ref.classId);
    expect(status).toBe(1);
    expect(err).toContain(said);
    expect(livekit().calls).toEqual([]);
  });
});

describe('with LiveKit itself', () => {
  const livekit = useLiveKit();

  test('somebody of whom no delivery told is found, and known from then on', async () => {
    const { settings, client, join } = livekit();
    await client.createRoom({ name: lesson.room });
    const token = new AccessToken(settings.key.apiKey, settings.key.secret, { identity: lesson.student });
    token.addGrant({ room: lesson.room, roomJoin: true });
    await join(await token.toJwt());
    await expect
      .poll(async () => (await client.listParticipants(lesson.room)).map(({ state }) => state), {
        timeout: 20_000,
      })
      .toEqual([2]);
    const { tenantId, classId } = lesson.ref;
    const args = ['verify-livekit', '--tenant', tenantId, '--session', classId, '--json'];
    const first = await spawnRollcall(args, env(settings));
    expect(first.status).toBe(0);
    expect(first.err).not.toContain('rollcall:');
    expect(JSON.parse(first.out).classes).toMatchObject([
      { present: 1, changes: [{ change: 'not_in_log', who: 'student@school.example' }] },
    ]);
    const second = await verify(settings, '--session', classId, '--json');
    expect(JSON.parse(second.out).classes).toMatchObject([{ present: 1, changes: [] }]);
  });
});

describe('without LiveKit', () => {
  const away = async (): Promise<string> => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    await new Promise((resolve) => server.close(resolve));
    return `ws://127.0.0.1:${typeof address === 'object' && address ? address.port : 1}`;
  };

  test('that answers, every room is named', async () => {
    const key = { apiKey: 'devkey', secret: 'd'.repeat(32), tenantId: null };
    const { status, err } = await verify({ url: await away(), key, keys: [key] });
    expect(status).toBe(1);
    expect(err).toContain(
      `class ${lesson.ref.classId}: look for the room ${lesson.room}: cannot reach LiveKit at`,
    );
  });

  test.each([
    ['at all', {}, 'there is no LiveKit: set LIVEKIT_URL'],
    [
      'with a key',
      { LIVEKIT_URL: 'ws://127.0.0.1:7880' },
      'expected a key and its secret beside LIVEKIT_URL',
    ],
  ])('%s it says what to set', async (_what, env, said) => {
    const { status, out, err } = await rollcall(['verify-livekit'], {
      DATABASE_URL: database.serviceUrl,
      ...env,
    });
    expect([status, out]).toEqual([1, '']);
    expect(err).toContain(said);
  });

  test('a session that is no id is wrong usage', async () => {
    const { status, err } = await rollcall(['verify-livekit', '--session', '7']);
    expect(status).toBe(2);
    expect(err).toContain('expected the id of a class');
  });
});

test('none of them has left a connection open, for which its process would not end', () =>
  noConnectionIsLeft(database));
