/**
 * Three thousand people come to a hundred classes within a minute, whose workflows run and look into their rooms. That
 * they came is told here and not by LiveKit, which has the rooms and nobody in them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { delivery, sign } from '../src/livekit/test-webhook.ts';
import { type RunningLiveKit, startLivekit } from '../src/local/livekit.ts';
import { pollsOf, runsOf } from './history.ts';
import { startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

const ROOMS = 100;
const PEOPLE = 30;
const KEY = {
  apiKey: 'APIofTheFlood',
  secret: 'thirty-two-characters-and-more-for-the-flood',
  tenantId: null,
};

let dataDir: string;
let livekit: RunningLiveKit;
let rollcall: TestRollcall;
beforeAll(async () => {
  dataDir = await mkdtemp(path(tmpdir(), 'rollcall-flood-'));
  livekit = await startLivekit({
    binary: inject('livekitBinary'),
    dataDir,
    apiKey: KEY.apiKey,
    apiSecret: KEY.secret,
    webhookUrls: [],
    report: () => {},
  });
  rollcall = await startTestRollcall({
    LIVEKIT_URL: livekit.url,
    LIVEKIT_API_KEY: KEY.apiKey,
    LIVEKIT_API_SECRET: KEY.secret,
    ROLLCALL_OPEN_LEAD_SECONDS: '5',
  });
});
afterAll(async () => {
  await rollcall?.stop();
  await livekit?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test('of three thousand joins none is lost, and none is answered with anything but 200', {
  timeout: 240_000,
}, async () => {
  const rooms: string[] = [];
  const ids = new Map<string, string>();
  const schedule = async (n: number): Promise<void> => {
    const { status, body } = await rollcall.call<{ room_name: string; class_id: string }>(
      'POST',
      '/api/schedule/class',
      {
        teacher_email: `teacher-${n}@school.example`,
        student_emails: [`student-${n}@school.example`],
        subject: 'Algebra',
        provider: 'livekit',
        start_time: new Date(Date.now() + 8_000).toISOString(),
        duration_minutes: 60,
      },
    );
    expect(status).toBe(201);
    rooms.push(body.room_name);
    ids.set(body.room_name, body.class_id);
  };
  for (let n = 0; n < ROOMS; n += 10)
    await Promise.all(Array.from({ length: 10 }, (_, k) => schedule(n + k)));
  const sql = postgres(rollcall.ownerUrl, { max: 1 });
  try {
    const allOpen = async () => {
      const [row] = await sql`select count(*)::int as n from classes where status = 'open'`;
      return row?.n === ROOMS;
    };
    await until('all classes open', allOpen, 120_000);
    // One request in flight for each room, as LiveKit does it.
    const answers: Record<string, number> = {};
    const startMs = Date.now();
    const everyMs = 60_000 / PEOPLE;
    const join = async (room: string, of: number, n: number): Promise<void> => {
      const told = { room, sid: `PA_${of}_${n}`, identity: `guest-${n}`, atMs: Date.now() };
      const body = JSON.stringify(delivery('participant_joined', told));
      const authorization = await sign(body, { key: KEY });
      const answer = await fetch(`${rollcall.apiUrl}/webhooks/livekit`, {
        method: 'POST',
        headers: { authorization },
        body,
      });
      const said = `${answer.status} ${await answer.text()}`;
      answers[said] = (answers[said] ?? 0) + 1;
    };
    const send = async (room: string, of: number): Promise<void> => {
      for (let n = 0; n < PEOPLE; n++) {
        await sleep(Math.max(0, startMs + n * everyMs + (of / ROOMS) * everyMs - Date.now()));
        await join(room, of, n);
      }
    };
    await Promise.all(rooms.map(send));
    expect(answers).toEqual({ '200 {"stored":"accepted"}': ROOMS * PEOPLE });
    const joined = await sql`select class_id, count(distinct connection)::int as n from events
      where kind = 'joined' group by class_id`;
    expect(joined.map(({ n }) => n)).toEqual(Array(ROOMS).fill(PEOPLE));

    // Three hundred in one class, and its history is what its looks and bells cost.
    const [lively = ''] = rooms;
    for (let n = PEOPLE; n < 300; n++) await join(lively, 0, n);
    expect(answers).toEqual({ '200 {"stored":"accepted"}': ROOMS * PEOPLE + 300 - PEOPLE });
    for (const room of [lively, ...rooms.slice(-3)]) {
      const runs = await runsOf(rollcall, { id: ids.get(room) ?? '' });
      const bells = runs.reduce((sum, run) => sum + run.bells, 0);
      const budget = 12 * runs.flatMap(pollsOf).length + 5 * bells + 60;
      expect(runs.reduce((sum, run) => sum + run.events, 0)).toBeLessThanOrEqual(budget);
      expect(bells).toBeLessThanOrEqual(3);
    }
  } finally {
    await sql.end();
  }
});
