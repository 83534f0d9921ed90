import type { Provider } from '../attendance/facts.ts';
import type { ClassView } from './classes.ts';
import type { Roster } from './rosters.ts';

/** Everything about a class that somebody chooses, when it is scheduled or changed. */
export interface ClassDetails extends Roster {
  subject: string;
  startMs: number;
  endMs: number;
  sessionType: string;
  provider: Provider;
  /** As it was asked for; a space that Google made for the class has a code of its own. */
  meetingCode: string | null;
  policy: string;
  timeZone: string;
  openLeadSeconds: number;
  pollSeconds: number;
  verifySeconds: number;
  graceSeconds: number;
}

export function detailsOf({ row, roster }: ClassView): ClassDetails {
  return {
    teacherEmail: roster.find((person) => person.role === 'teacher')?.email ?? '',
    studentEmails: roster.filter((person) => person.role === 'student').map((person) => person.email),
    subject: row.subject,
    startMs: row.startAt.getTime(),
    endMs: row.endAt.getTime(),
    sessionType: row.sessionType,
    provider: row.provider,
    meetingCode: row.meetingCode,
    policy: row.policy,
    timeZone: row.timeZone,
    openLeadSeconds: row.openLeadSeconds,
    pollSeconds: row.pollSeconds,
    verifySeconds: row.verifySeconds,
    graceSeconds: row.graceSeconds,
  };
}
