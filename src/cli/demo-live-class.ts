/** The LiveKit class of the demonstration: a real server, and people who really join its room. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalRollcall } from '../local/rollcall.ts';
import { joinRooms, type Participants } from '../simulators/livekit/participants.ts';
import { type Api, createApi, type ScheduledClass } from './demo-api.ts';
import { LENGTH, POLICY } from './demo-class.ts';

const TEACHER = 'khalid@school.example';
const STUDENTS = {
  hana: 'hana@school.example',
  yusuf: 'yusuf@school.example',
  zaid: 'zaid@school.example',
} as const;

export const LIVE_EXPECTED: Record<string, { status: string; what: string }> = {
  [TEACHER]: { status: 'present', what: 'teaches' },
  [STUDENTS.hana]: { status: 'present', what: 'stays to the end' },
  [STUDENTS.yusuf]: { status: 'partial', what: 'leaves after 15 s' },
  [STUDENTS.zaid]: { status: 'absent', what: 'never comes' },
};
const YUSUF_LEAVES = 15;

export async function scheduleLiveClass(api: Api, startMs: number): Promise<ScheduledClass> {
  return await api.send<ScheduledClass>('POST', '/api/schedule/class', {
    teacher_email: TEACHER,
    student_emails: Object.values(STUDENTS),
    subject: 'Recitation',
    session_type: 'quran',
    provider: 'livekit',
    start_time: new Date(startMs).toISOString(),
    duration_seconds: LENGTH,
    policy: POLICY.name,
    external_id: `demo-live-${startMs}`,
  });
}

/** Each asks the API for a token, as a client does, joins the room and leaves it when it is time. */
export async function attendLiveClass(
  running: LocalRollcall,
  classId: string,
  startMs: number,
  signal: AbortSignal,
): Promise<void> {
  const second = (n: number): Promise<void> =>
    sleep(Math.max(0, startMs + n * 1_000 - Date.now()), undefined, { signal });
  const tokens = await Promise.all(
    [TEACHER, STUDENTS.hana, STUDENTS.yusuf].map((email) => tokenFor(running, classId, email)),
  );
  let people: Participants | undefined;
  try {
    people = await joinRooms({ url: running.livekitUrl ?? '', tokens });
    await second(YUSUF_LEAVES);
    await people.all[2]?.leave();
    await second(LENGTH + 1);
  } finally {
    await people?.leave();
  }
}

async function tokenFor(running: LocalRollcall, classId: string, email: string): Promise<string> {
  const role = email === TEACHER ? 'teacher' : 'student';
  const own = await createApi(running, { role, sub: email });
  return (await own.send<{ token: string }>('POST', `/api/classes/${classId}/join`)).token;
}
