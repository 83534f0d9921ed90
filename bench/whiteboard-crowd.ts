/** People at whiteboards: each a WebSocket of their own that beats every 15 s, as the clients do. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { createApi } from '../src/cli/demo-api.ts';
import { signToken } from '../src/cli/token.ts';
import type { LocalRollcall } from '../src/local/rollcall.ts';

/** Of the demonstration's API. */
export const CROWD_TENANT = 'demo';
const HEARTBEAT_MS = 15_000;
/** A pool of people arrives at once, not all in the same millisecond. */
const AT_ONCE = 50;

export interface CrowdClass {
  classId: string;
  people: { email: string; role: 'teacher' | 'student' }[];
}

/** Classes of an hour that start in `startsInMs`, each with a teacher and students of its own. */
export async function scheduleCrowd(
  rollcall: LocalRollcall,
  { classes, people, startsInMs }: { classes: number; people: number; startsInMs: number },
): Promise<CrowdClass[]> {
  const api = await createApi(rollcall);
  const startMs = Date.now() + startsInMs;
  const one = async (n: number): Promise<CrowdClass> => {
    const teacher = `teacher-${n}@school.example`;
    const students = Array.from({ length: people - 1 }, (_, k) => `student-${n}-${k}@school.example`);
    const { class_id: classId } = await api.send<{ class_id: string }>('POST', '/api/schedule/class', {
      teacher_email: teacher,
      student_emails: students,
      subject: 'Bench',
      provider: 'whiteboard',
      policy: 'astegni',
      start_time: new Date(startMs).toISOString(),
      duration_minutes: 60,
    });
    return {
      classId,
      people: [
        { email: teacher, role: 'teacher' },
        ...students.map((email) => ({ email, role: 'student' as const })),
      ],
    };
  };
  const made: CrowdClass[] = [];
  for (let n = 0; n < classes; n += 10) {
    made.push(
      ...(await Promise.all(Array.from({ length: Math.min(10, classes - n) }, (_, k) => one(n + k)))),
    );
  }
  return made;
}

export interface Crowd {
  connected: number;
  /** Closed by the server, or broken. */
  lost: number;
  beats: number;
  leave(): Promise<void>;
}

/** Everybody comes and beats, each at a time of their own, until they leave. */
export async function gather(
  rollcall: LocalRollcall,
  classes: readonly CrowdClass[],
  signal: AbortSignal,
): Promise<Crowd> {
  const sockets: WebSocket[] = [];
  const timers: NodeJS.Timeout[] = [];
  const crowd: Crowd = {
    connected: 0,
    lost: 0,
    beats: 0,
    async leave() {
      for (const timer of timers) clearInterval(timer);
      leaving = true;
      for (const socket of sockets) socket.close();
      for (let tries = 0; tries < 100 && crowd.connected > 0; tries++) await sleep(50);
      for (const socket of sockets) socket.terminate();
    },
  };
  let leaving = false;
  const sit = async (classId: string, email: string, role: string): Promise<void> => {
    const token = await signToken(rollcall.jwtSecret ?? '', { tenant: CROWD_TENANT, role, sub: email });
    const url = `${rollcall.apiUrl.replace('http', 'ws')}/ws/whiteboard/${classId}`;
    const socket = new WebSocket(url, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    crowd.connected++;
    socket.on('error', () => {});
    socket.once('close', () => {
      crowd.connected--;
      if (!leaving) crowd.lost++;
    });
    const beat = (): void => {
      crowd.beats++;
      socket.send('{"type":"heartbeat"}');
    };
    timers.push(
      setTimeout(() => {
        beat();
        timers.push(setInterval(beat, HEARTBEAT_MS));
      }, Math.random() * HEARTBEAT_MS),
    );
  };
  const everybody = classes.flatMap(({ classId, people }) =>
    people.map((person) => ({ classId, ...person })),
  );
  for (let at = 0; at < everybody.length; at += AT_ONCE) {
    signal.throwIfAborted();
    await Promise.all(
      everybody.slice(at, at + AT_ONCE).map(({ classId, email, role }) => sit(classId, email, role)),
    );
  }
  return crowd;
}
