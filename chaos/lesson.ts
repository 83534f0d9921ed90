/** A class of some seconds: scheduled through the API, met in the simulated Meet, and watched from outside. */
import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import type { conferenceSchema } from '../src/simulators/meet/control-protocol.ts';
import { POLICY, type TestRollcall, until } from './test-rollcall.ts';

export interface Lesson {
  id: string;
  startMs: number;
  endMs: number;
  /** Of this lesson alone, so that what Google is asked for it can be told apart. */
  teacher: string;
  students: string[];
}

export interface LessonPlan {
  /** Seconds from now; may be negative. */
  startsIn?: number;
  seconds?: number;
  students?: number;
  /** Google makes the room, which it does a hundred times a minute for all lessons of a file; otherwise it is there. */
  asksForSpace?: boolean;
  /** Further fields of the request. */
  body?: Record<string, unknown>;
}

interface ClassAnswer {
  class_id: string;
  workflow_id: string;
  status: string;
  start_time: string;
  end_time: string;
  meeting_code?: string;
  opened_at: string | null;
  ended_at: string | null;
  settled_at: string | null;
  missing: { code: string }[];
  capture_problem: { code: string; message: string } | null;
}

export interface AttendanceRecord {
  email: string;
  role: string;
  status: string;
  is_final: boolean;
  present_seconds: number;
  bridged_seconds: number;
  interruptions: number;
  first_join: string | null;
  last_leave: string | null;
  at_least_minutes?: number;
  flags: string[];
}

const SETTLED = ['completed', 'incomplete', 'cancelled'];
const iso = (ms: number): string => new Date(ms).toISOString();

/** The body of a request, with people whom no other lesson has. */
export function lessonRequest({ startsIn = 6, seconds = 6, students = 1, body = {} }: LessonPlan = {}) {
  const mark = randomBytes(4).toString('hex');
  return {
    teacher_email: `teacher-${mark}@school.example`,
    student_emails: Array.from({ length: students }, (_, n) => `student-${n}-${mark}@school.example`),
    subject: 'Algebra',
    start_time: iso(Date.now() + startsIn * 1_000),
    duration_seconds: seconds,
    policy: POLICY.name,
    ...body,
  };
}

export async function schedule(rollcall: TestRollcall, plan: LessonPlan = {}): Promise<Lesson> {
  const request = lessonRequest(plan);
  const space = plan.asksForSpace ? null : await rollcall.google.addSpace({ owner: request.teacher_email });
  const { status, body } = await rollcall.call<ClassAnswer>('POST', '/api/schedule/class', {
    ...request,
    ...(space && { meeting_code: space.meetingCode }),
  });
  if (status !== 201) throw new Error(`scheduling answered ${status}: ${JSON.stringify(body)}`);
  return {
    id: body.class_id,
    startMs: Date.parse(body.start_time),
    endMs: Date.parse(body.end_time),
    teacher: request.teacher_email,
    students: request.student_emails,
  };
}

export async function classOf({ call }: TestRollcall, { id }: Lesson): Promise<ClassAnswer> {
  const { status, body } = await call<ClassAnswer>('GET', `/api/classes/${id}`);
  if (status !== 200) throw new Error(`the class answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

export async function untilStatus(
  rollcall: TestRollcall,
  lesson: Lesson,
  ...wanted: string[]
): Promise<ClassAnswer> {
  let seen: ClassAnswer | undefined;
  const look = async () => {
    seen = await classOf(rollcall, lesson);
    if (wanted.includes(seen.status)) return seen;
    if (SETTLED.includes(seen.status)) throw new Error(`it is ${seen.status}`);
    return null;
  };
  return await until(`status ${wanted.join(' or ')}`, look).catch((cause: unknown) => {
    throw new Error(`the class did not become ${wanted.join(' or ')}: ${JSON.stringify(seen)}`, { cause });
  });
}

export const untilSettled = (rollcall: TestRollcall, lesson: Lesson) =>
  untilStatus(rollcall, lesson, ...SETTLED);

export const untilProblem = (rollcall: TestRollcall, lesson: Lesson, code: string) =>
  until(`the problem ${code} on ${lesson.id}`, async () => {
    const { capture_problem: problem, settled_at: settled } = await classOf(rollcall, lesson);
    if (settled !== null && problem?.code !== code) throw new Error(`it was settled without ${code}`);
    return problem?.code === code && problem;
  });

/** Status by person: the teacher's first, then the students' in their order. */
export async function statuses(rollcall: TestRollcall, lesson: Lesson): Promise<(string | undefined)[]> {
  const records = await recordsOf(rollcall, lesson);
  const of = (email: string) => records.find((record) => record.email === email)?.status;
  return [lesson.teacher, ...lesson.students].map(of);
}

export async function recordsOf({ call }: TestRollcall, { id }: Lesson): Promise<AttendanceRecord[]> {
  return (await call<{ records: AttendanceRecord[] }>('GET', `/api/classes/${id}/attendance`)).body.records;
}

/** The code of the Meet link, as soon as Google has given one. */
export const meetingCodeOf = (rollcall: TestRollcall, lesson: Lesson): Promise<string> =>
  until(`the Meet link of ${lesson.id}`, async () => {
    const { meeting_code: code, status } = await classOf(rollcall, lesson);
    if (!code && status !== 'scheduled' && Date.now() > lesson.endMs)
      throw new Error('the class was over before Google gave a Meet link: let it start later');
    return code;
  });

type Script = z.input<typeof conferenceSchema>;
type Participants = NonNullable<Script['participants']>;

/** Somebody signed in, from second to second after the start; everybody stays half a second over the end. */
export function stay(lesson: Lesson, email: string, from = -1, to?: number): Participants[number] {
  const end = to === undefined ? lesson.endMs + 500 : lesson.startMs + to * 1_000;
  return { kind: 'signed_in', email, sessions: [{ start: lesson.startMs + from * 1_000, end }] };
}

/** Scripts the conference of a lesson: everybody from before the start until half a second after the end. */
export async function everybodyComes(
  rollcall: TestRollcall,
  lesson: Lesson,
  change: Partial<Script> = {},
): Promise<{ record: string }> {
  return await rollcall.google.addConference({
    space: await meetingCodeOf(rollcall, lesson),
    start: lesson.startMs - 1_000,
    end: lesson.endMs + 500,
    participants: [lesson.teacher, ...lesson.students].map((email) => stay(lesson, email)),
    ...change,
  });
}

/** What reached Google on behalf of the lesson's teacher, which is every call for the lesson but those for tokens. */
export async function callsFor({ google }: TestRollcall, { teacher }: Lesson, route = '') {
  const { log } = await google.calls();
  return log.filter((call) => call.subject === teacher && call.route.includes(route));
}

export const RECORDS = 'GET /v2/conferenceRecords';
