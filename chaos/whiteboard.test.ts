/** A server dies without a word while people are at the whiteboard, and comes back; so do they. */
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { signToken } from '../src/cli/token.ts';
import { type Lesson, lessonRequest, recordsOf, untilSettled } from './lesson.ts';
import { killServer, startTestRollcall, TENANT, type TestRollcall, until } from './test-rollcall.ts';

const SECONDS = 30;
/** A killed server loses at most what it gathered in so long. */
const GATHERED_SECONDS = 5;

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall({ ROLLCALL_GRACE_SECONDS: '11' });
});
afterAll(() => rollcall?.stop());

/** A client as it should be: it beats, and when its socket breaks it connects again. */
async function attend(lesson: Lesson, email: string) {
  const role = email === lesson.teacher ? 'teacher' : 'student';
  const token = await signToken(rollcall.jwtSecret ?? '', { tenant: TENANT, role, sub: email });
  let socket: WebSocket | null = null;
  let leaving = false;
  let opened = 0;
  const connect = (): void => {
    if (leaving) return;
    const one = new WebSocket(`${rollcall.apiUrl.replace('http', 'ws')}/ws/whiteboard/${lesson.id}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    one.on('open', () => {
      socket = one;
      opened++;
    });
    one.on('error', () => {});
    one.on('close', () => setTimeout(connect, 250));
  };
  connect();
  await until(`${email} at the whiteboard`, async () => opened > 0);
  const beating = setInterval(() => {
    if (socket?.readyState === WebSocket.OPEN) socket.send('{"type":"heartbeat"}');
  }, 1_000);
  return {
    opened: () => opened,
    leave(): void {
      leaving = true;
      clearInterval(beating);
      socket?.close();
    },
  };
}

test('a server that is killed loses nobody: they come back, and have stayed', {
  timeout: 120_000,
}, async () => {
  const request = lessonRequest({
    startsIn: 6,
    seconds: SECONDS,
    body: { provider: 'whiteboard', policy: 'astegni', open_lead_seconds: 4 },
  });
  const { status, body } = await rollcall.call<{ class_id: string; start_time: string; end_time: string }>(
    'POST',
    '/api/schedule/class',
    request,
  );
  expect(status).toBe(201);
  const [student = ''] = request.student_emails;
  const lesson: Lesson = {
    id: body.class_id,
    startMs: Date.parse(body.start_time),
    endMs: Date.parse(body.end_time),
    teacher: request.teacher_email,
    students: [student],
  };
  await sleep(Math.max(0, lesson.startMs - 3_000 - Date.now()));
  const [teacher, pupil] = await Promise.all([attend(lesson, lesson.teacher), attend(lesson, student)]);
  await sleep(Math.max(0, lesson.startMs + 10_000 - Date.now()));
  const killedMs = Date.now();
  await killServer(rollcall);
  // Nobody can have come back before the next server listens.
  const owner = postgres(rollcall.ownerUrl, { max: 1 });
  const kept = await owner`select last_seen_at, last_heartbeat_at from whiteboard_connections
    where class_id = ${lesson.id} and closed_at is null`;
  await owner.end();
  expect(kept).toHaveLength(2);
  for (const row of kept) {
    const lostMs = killedMs - Math.min(row.last_seen_at.getTime(), row.last_heartbeat_at.getTime());
    // One beat a second, and a moment to write it.
    expect(lostMs).toBeLessThan((GATHERED_SECONDS + 2) * 1_000);
  }
  await until('both back', async () => teacher.opened() > 1 && pupil.opened() > 1);
  await until('the end of the class', async () => {
    const { body: found } = await rollcall.call<{ status: string }>('GET', `/api/classes/${lesson.id}`);
    return found.status !== 'active' && found.status !== 'open';
  });
  // They stay a moment longer, as people do, and are sent away.
  await sleep(7_000);
  teacher.leave();
  pupil.leave();
  expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
  for (const record of await recordsOf(rollcall, lesson)) {
    expect(record).toMatchObject({ status: 'present', interruptions: 0, is_final: true });
    expect(record.present_seconds, JSON.stringify(record)).toBeGreaterThanOrEqual(SECONDS - GATHERED_SECONDS);
  }
});
