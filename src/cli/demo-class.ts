/** The cast of the demonstration: who comes when, as Google will tell it, and what must come out. */
import type { createMeetSimulatorControl } from '../simulators/meet/control-client.ts';

export const TEACHER = 'mona@school.example';
export const STUDENTS = {
  omar: 'omar@school.example',
  lina: 'lina@school.example',
  sami: 'sami@school.example',
  nour: 'nour@school.example',
  adam: 'adam@school.example',
} as const;
export const GUEST = 'Somebody without an account';

/** Seconds. */
export const LENGTH = 40;
/** From the end of the class on, Meet tells nothing for so long, which is why retries are seen. */
const SILENT_FOR = 13;

/** Thresholds in seconds, so that forty of them are a whole lesson. */
export const POLICY = {
  name: 'demo',
  preset: 'itqan',
  effective_from: '2020-01-01',
  late_after_minutes: 5 / 60,
  bridge_seconds: 3,
  min_presence_seconds: 2,
} as const;

export const EXPECTED: Record<string, { status: string; what: string }> = {
  [TEACHER]: { status: 'present', what: 'teaches' },
  [STUDENTS.omar]: { status: 'present', what: 'on time' },
  [STUDENTS.lina]: { status: 'late', what: 'comes 12 s late' },
  [STUDENTS.sami]: { status: 'present', what: 'drops out for 8 s and comes back' },
  [STUDENTS.nour]: { status: 'present', what: 'on two devices at once' },
  [STUDENTS.adam]: { status: 'absent', what: 'never comes' },
};

/** Tells the simulator who will be in the meeting, by instants relative to the start of the class. */
export async function scriptConference(
  control: ReturnType<typeof createMeetSimulatorControl>,
  space: string,
  startMs: number,
): Promise<void> {
  const stay = (from: number, to: number) => ({ start: startMs + from * 1_000, end: startMs + to * 1_000 });
  const signedIn = (email: string, ...sessions: ReturnType<typeof stay>[]) =>
    ({ kind: 'signed_in', email, sessions }) as const;
  await control.addConference({
    space,
    start: startMs - 2_000,
    end: startMs + (LENGTH + 1) * 1_000,
    participants: [
      signedIn(TEACHER, stay(-2, LENGTH + 1)),
      signedIn(STUDENTS.omar, stay(-1, LENGTH + 1)),
      signedIn(STUDENTS.lina, stay(12, LENGTH + 1)),
      signedIn(STUDENTS.sami, stay(1, 15), stay(23, LENGTH + 1)),
      signedIn(STUDENTS.nour, stay(0, 30), stay(10, LENGTH + 1)),
      { kind: 'anonymous', display_name: GUEST, sessions: [stay(6, LENGTH)] },
    ],
  });
}

/** Data that arrives late: from now on Meet answers, but as if there had been no conference. */
export async function makeMeetLate(control: ReturnType<typeof createMeetSimulatorControl>): Promise<void> {
  await control.plantFault({
    match: 'GET /v2/conferenceRecords\\?',
    hide_rows: 100,
    for_seconds: SILENT_FOR,
  });
}
