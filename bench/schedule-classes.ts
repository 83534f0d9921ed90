/** Classes as a scheduling system asks for them, through the API. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { signToken } from '../src/cli/token.ts';
import type { LocalRollcall } from '../src/local/rollcall.ts';

export const TENANT = 'bench';

export interface ScheduledClass {
  classId: string;
  startMs: number;
  /** From the call to its answer. */
  answeredAfterMs: number;
}

export type Provider = 'whiteboard' | 'meet';
type Schedule = (startMs: number) => Promise<ScheduledClass>;

/** Calls of a scheduling system that are under way at once. */
const CALLERS = 16;
const STUDENTS = 5;

export async function createScheduler(
  { apiUrl, jwtSecret = '' }: LocalRollcall,
  provider: Provider,
  signal: AbortSignal,
): Promise<Schedule> {
  const token = await signToken(jwtSecret, { tenant: TENANT, role: 'service', sub: 'bench' });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return async (startMs) => {
    const name = randomUUID();
    const body = JSON.stringify({
      teacher_email: `teacher-${name}@school.example`,
      student_emails: Array.from({ length: STUDENTS }, (_, n) => `student-${name}-${n}@school.example`),
      subject: 'Algebra',
      start_time: new Date(startMs).toISOString(),
      duration_minutes: 45,
      provider,
      external_id: name,
    });
    const calledMs = Date.now();
    const response = await fetch(`${apiUrl}/api/schedule/class`, { method: 'POST', headers, body, signal });
    const text = await response.text();
    if (response.status !== 201) throw new Error(`scheduling a class answered ${response.status}: ${text}`);
    const { class_id: classId } = JSON.parse(text) as { class_id: string };
    return { classId, startMs, answeredAfterMs: Date.now() - calledMs };
  };
}

/** `count` classes of one start, as fast as they are taken. */
export async function scheduleAhead(
  schedule: Schedule,
  count: number,
  startMs: number,
): Promise<ScheduledClass[]> {
  const done: ScheduledClass[] = [];
  let left = count;
  const caller = async (): Promise<void> => {
    while (left-- > 0) done.push(await schedule(startMs));
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return done;
}

/** Spreads the instants within their seconds evenly, so that they meet a scan of every second at each of its phases. */
const GOLDEN_RATIO = 0.618_033_988_75;

/** `count` classes, one in each second, whose start is the instant at which they are asked for. */
export async function scheduleForNow(
  schedule: Schedule,
  count: number,
  { signal, onCall }: { signal: AbortSignal; onCall: (startMs: number) => Promise<void> },
): Promise<ScheduledClass[]> {
  const one = async (_: unknown, n: number): Promise<ScheduledClass> => {
    await sleep((n + ((n * GOLDEN_RATIO) % 1)) * 1_000, undefined, { signal });
    const startMs = Date.now();
    const [scheduled] = await Promise.all([schedule(startMs), onCall(startMs)]);
    return scheduled;
  };
  return await Promise.all(Array.from({ length: count }, one));
}
