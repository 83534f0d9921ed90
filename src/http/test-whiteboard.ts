/** Clients of the whiteboard for tests: a class that is on, and people who come to it. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { at, type Json, lesson, MINUTE_MS, START_MS, type TestApp, token } from './test-app.ts';

export interface WhiteboardClass {
  id: string;
  teacher: string;
  student: string;
  other: string;
}

let made = 0;

/** Of forty minutes on the whiteboard, judged by activity; people of its own. `startMs` is Monday morning unless given. */
export async function scheduleWhiteboard(
  app: TestApp,
  given: Record<string, unknown> = {},
): Promise<WhiteboardClass> {
  const n = ++made;
  const [teacher, student, other] = [`t${n}@school.example`, `s${n}@school.example`, `o${n}@school.example`];
  const { status, body } = await app.call('POST', '/api/schedule/class', {
    body: lesson({
      provider: 'whiteboard',
      policy: 'astegni',
      teacher_email: teacher,
      student_emails: [student, other],
      ...given,
    }),
  });
  if (status !== 201) throw new Error(`scheduling answered ${status}: ${JSON.stringify(body)}`);
  return { id: body.class_id, teacher, student, other };
}

export const tokenOf = (sub: string, role = sub.startsWith('t') ? 'teacher' : 'student'): Promise<string> =>
  token({ sub, role });

export interface Client {
  socket: WebSocket;
  /** Everything the server said, parsed. */
  said: Json[];
  say(message: unknown): void;
  /** The next message of that type, also one that came before. */
  told(type: string): Promise<Json>;
  closed: Promise<{ code: number; reason: string }>;
}

/** Connects, and throws with the server's answer when it does not let in. */
export async function connectSocket(
  url: string,
  classId: string,
  {
    sub = '',
    query = '',
    bearer,
    autoPong = true,
  }: { sub?: string; query?: string; bearer?: string; autoPong?: boolean } = {},
): Promise<Client> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/whiteboard/${classId}${query}`, {
    autoPong,
    headers: bearer === '' ? {} : { authorization: `Bearer ${bearer ?? (await tokenOf(sub))}` },
  });
  const said: Json[] = [];
  const waiting: (() => void)[] = [];
  socket.on('message', (data) => {
    said.push(JSON.parse(String(data)));
    for (const wake of waiting.splice(0)) wake();
  });
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('unexpected-response', (_req, res) => {
      let body = '';
      res.on('data', (chunk) => {
        body += String(chunk);
      });
      res.on('end', () => reject(new Refused(res.statusCode ?? 0, body)));
    });
  });
  return {
    socket,
    said,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    async told(type) {
      for (;;) {
        const at = said.findIndex((one) => one.type === type);
        if (at >= 0) return said.splice(at, 1)[0];
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    closed,
  };
}

/** What the server answered instead of a socket. */
export class Refused extends Error {
  readonly status: number;
  readonly problem: Json;
  constructor(status: number, body: string) {
    super(`refused with ${status}: ${body}`);
    this.status = status;
    this.problem = body.startsWith('{') ? JSON.parse(body) : body;
  }
}

/** Every connection of a class as it is stored, the first first. */
export const storedConnections = async (app: TestApp, classId: string) =>
  await app.owner`select p.email, c.name, c.connected_at, c.last_seen_at, c.last_heartbeat_at, c.closed_at, c.close_reason
    from whiteboard_connections c join people p on p.id = c.person_id
    where c.class_id = ${classId} order by c.connected_at, c.id`;

export const isoAt = (minutes: number): string => at(START_MS + minutes * MINUTE_MS);
