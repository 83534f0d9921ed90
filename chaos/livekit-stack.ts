/** A Rollcall with a real LiveKit of its own, and between the two a door that can be shut. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ParticipantInfo_State } from '@livekit/protocol';
import { RoomServiceClient } from 'livekit-server-sdk';
import { inject } from 'vitest';
import { signToken } from '../src/cli/token.ts';
import { freePort } from '../src/local/free-port.ts';
import { type RunningLiveKit, startLivekit } from '../src/local/livekit.ts';
import { joinRooms, type Participants } from '../src/simulators/livekit/participants.ts';
import type { Lesson, LessonPlan } from './lesson.ts';
import { POLICY, startTestRollcall, TENANT, type TestRollcall, until } from './test-rollcall.ts';

const KEY = { apiKey: 'APIofTheFaults', apiSecret: 'thirty-two-characters-and-some-more-for-faults' };
export const VERIFY_SECONDS = 20;
/**
 * Of a class in which somebody vanishes: LiveKit misses them within one. It takes 10 s for a connection to count as cut,
 * 5 s to be given up, 5 s for a return (livekit-server, pkg/rtc/transport.go and participant.go), and the time until each
 * of these is looked at.
 */
export const VANISHED_VERIFY_SECONDS = 30;

export interface LiveKitStack {
  rollcall: TestRollcall;
  rooms: RoomServiceClient;
  door: Door;
  /** As in a power cut, and then the same again on the same ports, with empty rooms. */
  killLivekit(): Promise<void>;
  restartLivekit(): Promise<void>;
  /** Joins as somebody of the roster, through the API, as a client does. */
  join(lesson: LiveLesson, email: string, device?: string): Promise<Participants>;
  stop(): Promise<void>;
}

export interface LiveLesson extends Lesson {
  room: string;
}

export async function startLiveKitStack(): Promise<LiveKitStack> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rollcall-livekit-'));
  const [apiPort, livekitPort] = [await freePort(), await freePort()];
  const door = await openDoor(apiPort);
  const start = (ports: { port: number; udpPort?: number }): Promise<RunningLiveKit> =>
    startLivekit({
      binary: inject('livekitBinary'),
      dataDir,
      ...KEY,
      ...ports,
      webhookUrls: [`http://127.0.0.1:${door.port}/webhooks/livekit`],
      report: () => {},
    });
  let livekit = await start({ port: livekitPort });
  const rollcall = await startTestRollcall({
    PORT: String(apiPort),
    LIVEKIT_URL: livekit.url,
    LIVEKIT_API_KEY: KEY.apiKey,
    LIVEKIT_API_SECRET: KEY.apiSecret,
    ROLLCALL_VERIFY_SECONDS: String(VERIFY_SECONDS),
    ROLLCALL_GRACE_SECONDS: '3',
    ROLLCALL_RETRY_FOR_SECONDS: '8',
  });
  const client = new RoomServiceClient(livekit.url, KEY.apiKey, KEY.apiSecret);
  const joined: Participants[] = [];
  return {
    rollcall,
    rooms: client,
    door,
    async killLivekit() {
      process.kill(livekit.pid, 'SIGKILL');
      await until('the end of LiveKit', async () => !isAlive(livekit.pid));
    },
    async restartLivekit() {
      livekit = await start({ port: livekit.port, udpPort: livekit.udpPort });
    },
    async join(lesson, email, device = 'web') {
      const role = email === lesson.teacher ? 'teacher' : 'student';
      const token = await signToken(rollcall.jwtSecret ?? '', { tenant: TENANT, role, sub: email });
      const answer = await rollcall.call<{ url: string; token: string }>(
        'POST',
        `/api/classes/${lesson.id}/join`,
        { device },
        { authorization: `Bearer ${token}` },
      );
      if (answer.status !== 200)
        throw new Error(`joining answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      const participants = await joinRooms({ url: answer.body.url, tokens: [answer.body.token] });
      joined.push(participants);
      // A client takes itself for joined a moment before LiveKit does.
      await until(`LiveKit to list ${email}`, async () => {
        const listed = await client.listParticipants(lesson.room);
        const sids = new Set(participants.all.map(({ sid }) => sid));
        return listed.some(({ sid, state }) => sids.has(sid) && state === ParticipantInfo_State.ACTIVE);
      });
      return participants;
    },
    async stop() {
      await Promise.all(joined.map((participants) => participants.kill()));
      await rollcall.stop();
      await livekit.stop();
      await door.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A class on LiveKit that begins in some seconds, when its room is there. */
export async function scheduleLive(
  { rollcall }: LiveKitStack,
  {
    startsIn = 16,
    seconds,
    students = 2,
    body: further = {},
  }: Pick<LessonPlan, 'startsIn' | 'students' | 'body'> & { seconds: number },
): Promise<LiveLesson> {
  const mark = randomBytes(4).toString('hex');
  const request = {
    teacher_email: `teacher-${mark}@school.example`,
    student_emails: Array.from({ length: students }, (_, n) => `student-${n}-${mark}@school.example`),
    subject: 'Algebra',
    provider: 'livekit',
    start_time: new Date(Date.now() + startsIn * 1_000).toISOString(),
    duration_seconds: seconds,
    policy: POLICY.name,
    ...further,
  };
  const { status, body } = await rollcall.call<Record<string, string>>(
    'POST',
    '/api/schedule/class',
    request,
  );
  if (status !== 201) throw new Error(`scheduling answered ${status}: ${JSON.stringify(body)}`);
  return {
    id: body.class_id ?? '',
    room: body.room_name ?? '',
    startMs: Date.parse(body.start_time ?? ''),
    endMs: Date.parse(body.end_time ?? ''),
    teacher: request.teacher_email,
    students: request.student_emails,
  };
}

/** What the test itself saw of somebody: from when until when they were in the room. */
export interface Truth {
  stays: { connection: string; fromMs: number; toMs: number }[];
}

/** Milliseconds within the lesson, of the union of the stays. */
export function secondsIn({ stays }: Truth, { startMs, endMs }: Lesson): number {
  const clipped = stays
    .map(({ fromMs, toMs }) => ({ fromMs: Math.max(fromMs, startMs), toMs: Math.min(toMs, endMs) }))
    .filter(({ fromMs, toMs }) => toMs > fromMs)
    .sort((a, b) => a.fromMs - b.fromMs);
  let total = 0;
  let reachedMs = Number.NEGATIVE_INFINITY;
  for (const { fromMs, toMs } of clipped) {
    total += Math.max(0, toMs - Math.max(fromMs, reachedMs));
    reachedMs = Math.max(reachedMs, toMs);
  }
  return total / 1_000;
}

export const at = async (lesson: Lesson, second: number): Promise<void> => {
  await sleep(Math.max(0, lesson.startMs + second * 1_000 - Date.now()));
};

interface Door {
  port: number;
  /** Nobody answers: connections are refused, and those that are open are cut. */
  shut(): Promise<void>;
  open(): Promise<void>;
  /** Every answer comes so much later. */
  slow(ms: number): void;
  stop(): Promise<void>;
}

async function openDoor(toPort: number): Promise<Door> {
  const sockets = new Set<Socket>();
  let delayMs = 0;
  let server: Server | null = null;
  let port = 0;

  const open = async (): Promise<void> => {
    server = createServer((from) => {
      const to = connect(toPort, '127.0.0.1');
      for (const socket of [from, to]) {
        sockets.add(socket);
        socket.on('error', () => {}).on('close', () => sockets.delete(socket));
      }
      from.pipe(to);
      to.on('data', (data) => void setTimeout(() => from.write(data), delayMs));
      to.on('close', () => void setTimeout(() => from.destroy(), delayMs));
      from.on('close', () => to.destroy());
    }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address) port = address.port;
  };
  const shut = async (): Promise<void> => {
    const closing = server;
    server = null;
    if (!closing) return;
    const closed = once(closing, 'close');
    closing.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await open();
  return {
    port,
    open,
    shut,
    slow: (ms) => {
      delayMs = ms;
    },
    stop: shut,
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
