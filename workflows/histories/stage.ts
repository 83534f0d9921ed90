/** What the stories of recorded histories are told with. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, ScheduledClass } from '../../src/cli/demo-api.ts';
import type { MeetSimulatorControl } from '../../src/simulators/meet/control-client.ts';

export const TENANT = 'demo';
export const TEACHER = 'teacher@school.example';
export const STUDENT = 'student@school.example';
// Above the ten seconds that presence takes by the rules.
export const LENGTH = 12;

export interface Stage {
  /** As an admin. */
  api: Api;
  google: MeetSimulatorControl;
  livekit: { url: string; apiKey: string; apiSecret: string };
  jwtSecret: string;
  apiUrl: string;
}

/** How a class goes. Answers its id when it has ended. */
export type Story = (stage: Stage) => Promise<string>;

export const soon = (seconds: number): number => Date.now() + seconds * 1_000;

/** A full second, in three or four. */
export const nextStart = (): number => Math.ceil(soon(3) / 1_000) * 1_000;

/** Schedules a class and answers its id. */
export async function schedule(
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

export async function until({ api }: Stage, id: string, ...wanted: string[]): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const { status } = await api.get<{ status: string }>(`/api/classes/${id}`);
    if (wanted.includes(status)) return;
    if (Date.now() > deadline)
      throw new Error(`class ${id} is ${status}, not ${wanted.join(' or ')}, after a minute`);
    await sleep(100);
  }
}

/** Dismisses whoever a provider has shown and nobody knows. */
export async function dismissEverybody({ api }: Stage, source: 'meet' | 'livekit'): Promise<void> {
  const { items } = await api.get<{ items: { id: string; source: string }[] }>(
    '/api/identities?state=unmatched',
  );
  for (const one of items.filter((item) => item.source === source)) {
    await api.send('POST', `/api/identities/${one.id}/dismiss`);
  }
}

export const cancel = ({ api }: Stage, id: string) =>
  api.send('POST', `/api/classes/${id}/cancel`, { reason: 'recorded' });
