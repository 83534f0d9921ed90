/** Every phase and ending of a class, as it is lived through for the recorded histories. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, ScheduledClass } from '../../src/cli/demo-api.ts';
import type { MeetSimulatorControl } from '../../src/simulators/meet/control-client.ts';

const TEACHER = 'teacher@school.example';
const STUDENT = 'student@school.example';
// Above the ten seconds that presence takes by the rules.
const LENGTH = 12;

/** What a story is told with. */
export interface Stage {
  api: Api;
  google: MeetSimulatorControl;
}

/** Schedules a class and answers its id. */
async function schedule(
  { api }: Stage,
  startMs: number,
  more: Record<string, unknown> = {},
): Promise<string> {
  const { class_id: id } = await api.send<ScheduledClass>('POST', '/api/schedule/class', {
    teacher_email: TEACHER,
    student_emails: [STUDENT],
    subject: 'Algebra',
    start_time: new Date(startMs).toISOString(),
    duration_seconds: LENGTH,
    ...more,
  });
  return id;
}

async function until({ api }: Stage, id: string, ...wanted: string[]): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { status } = await api.get<{ status: string }>(`/api/classes/${id}`);
    if (wanted.includes(status)) return;
    if (Date.now() > deadline)
      throw new Error(`class ${id} is ${status}, not ${wanted.join(' or ')}, after a minute`);
    await sleep(100);
  }
}

/** A class whose teacher is on time, with the student or with somebody whom nobody knows. */
async function scheduleMeeting(stage: Stage, guest: boolean): Promise<string> {
  const space = await stage.google.addSpace({ owner: TEACHER });
  const start = Math.ceil(Date.now() / 1_000 + 3) * 1_000;
  const end = start + LENGTH * 1_000;
  const sessions = [{ start, end }];
  const second = guest
    ? ({ kind: 'anonymous', display_name: 'Guest', sessions } as const)
    : ({ kind: 'signed_in', email: STUDENT, sessions } as const);
  await stage.google.addConference({
    space: space.name,
    end,
    participants: [{ kind: 'signed_in', email: TEACHER, sessions }, second],
  });
  return await schedule(stage, start, { meeting_code: space.meetingCode });
}

const soon = (seconds: number): number => Date.now() + seconds * 1_000;

const cancel = ({ api }: Stage, id: string) =>
  api.send('POST', `/api/classes/${id}/cancel`, { reason: 'recorded' });

/** Name of the story → how it goes. Each answers the id of its class when the class has ended. */
export const STORIES: Record<string, (stage: Stage) => Promise<string>> = {
  async completed(stage) {
    const id = await scheduleMeeting(stage, false);
    await until(stage, id, 'completed');
    return id;
  },
  async 'completed-after-a-decision'(stage) {
    const id = await scheduleMeeting(stage, true);
    await until(stage, id, 'reconciling');
    const queue = await stage.api.get<{ items: { id: string }[] }>('/api/identities?state=unmatched');
    for (const one of queue.items) await stage.api.send('POST', `/api/identities/${one.id}/dismiss`);
    await until(stage, id, 'completed');
    return id;
  },
  async incomplete(stage) {
    const id = await schedule(stage, soon(2));
    await until(stage, id, 'incomplete');
    return id;
  },
  async afterwards(stage) {
    const id = await schedule(stage, soon(-60));
    await until(stage, id, 'incomplete');
    return id;
  },
  async 'without-meet'(stage) {
    const id = await schedule(stage, soon(2), { provider: 'whiteboard' });
    await until(stage, id, 'incomplete');
    return id;
  },
  async moved(stage) {
    const id = await schedule(stage, soon(3_600));
    await stage.api.send('PATCH', `/api/classes/${id}`, {
      start_time: new Date(Date.now() + 3_000).toISOString(),
    });
    await until(stage, id, 'incomplete');
    return id;
  },
  async 'cancelled-asleep'(stage) {
    const id = await schedule(stage, soon(3_600));
    await sleep(1_000);
    await cancel(stage, id);
    return id;
  },
  async 'cancelled-live'(stage) {
    const id = await schedule(stage, soon(1));
    await until(stage, id, 'active');
    await cancel(stage, id);
    return id;
  },
  async 'cancelled-in-grace'(stage) {
    const id = await schedule(stage, soon(1));
    await until(stage, id, 'ended');
    await cancel(stage, id);
    return id;
  },
  async 'cancelled-reconciling'(stage) {
    const id = await schedule(stage, soon(1));
    await until(stage, id, 'reconciling');
    await cancel(stage, id);
    return id;
  },
};
