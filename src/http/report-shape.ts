import { z } from 'zod';
import { effectiveStatus } from '../attendance/effective-status.ts';
import type { PersonAttendance } from '../attendance/record.ts';
import type { StandingMark } from '../db/marks.ts';
import type { Person } from '../db/people.ts';
import { ATTENDANCE_STATUSES } from './attendance-shape.ts';
import { classStatus } from './class-shape.ts';
import { isoMs, shownInstant } from './fields.ts';

/** Itqan has a kind of report for each of its session types; a class of any other gets the last. */
const REPORT_TYPES = [
  'quran_session_report',
  'academic_session_report',
  'interactive_session_report',
  'session_report',
] as const;
type ReportType = (typeof REPORT_TYPES)[number];

const report = z
  .object({
    student_id: z.string(),
    student_email: z.string().nullable(),
    student_name: z.string().nullable(),
    meeting_enter_time: shownInstant
      .nullable()
      .meta({ description: 'When they first came, also before the start; null if nobody saw them come' }),
    meeting_leave_time: shownInstant
      .nullable()
      .meta({ description: 'When they last left, also after the end; null while they are connected' }),
    actual_attendance_minutes: z
      .number()
      .meta({ description: 'The minutes that count, with two decimals; a mark does not change them' }),
    attendance_status: z.enum(ATTENDANCE_STATUSES).meta({
      description:
        'What somebody marked, else what was calculated; pending until either, and unknown where the evidence does not tell',
    }),
    at_least_minutes: z
      .int()
      .optional()
      .meta({ description: 'With unknown: whole minutes of presence that are known' }),
    attendance_percentage: z
      .number()
      .meta({ description: 'Presence in percent of the scheduled length, at most 100, with two decimals' }),
    is_late: z
      .boolean()
      .meta({ description: 'Later than the policy allows, also where the status is present' }),
    late_minutes: z.int().meta({ description: 'Whole minutes after the start if is_late, else 0' }),
    is_auto_calculated: z.boolean().meta({ description: 'False when a mark decided the status' }),
    explanation: z.string().meta({
      description:
        'In words, how the figures came about and what the rules make of them, whatever was marked',
    }),
  })
  .meta({ id: 'SessionReport' });

export const reportsSchema = z
  .object({
    session_id: z.string(),
    class_id: z.string().meta({ description: 'Always equal to session_id' }),
    session_type: z.string(),
    report_type: z.enum(REPORT_TYPES).meta({
      description: 'By session_type: quran, academic, interactive, or session_report for any other',
    }),
    subject: z.string(),
    start_time: shownInstant,
    end_time: shownInstant,
    status: classStatus,
    is_complete: z.boolean().meta({ description: 'Nothing is missing from the evidence of the class' }),
    reports: z.array(report).meta({ description: 'One for each student, by e-mail' }),
  })
  .meta({ id: 'SessionReports' });

export const reportTypeOf = (sessionType: string): ReportType =>
  REPORT_TYPES.find((type) => type === `${sessionType}_session_report`) ?? 'session_report';

export function reportShape(
  one: PersonAttendance,
  person: Person | undefined,
  mark: StandingMark | undefined,
): z.output<typeof report> {
  const { status } = effectiveStatus(one.status, mark);
  const atLeast =
    status === 'unknown' && one.atLeastMinutes !== null ? { at_least_minutes: one.atLeastMinutes } : {};
  return {
    student_id: one.personId,
    student_email: person?.email ?? null,
    student_name: person?.name ?? null,
    meeting_enter_time: isoMs(one.firstJoinMs),
    meeting_leave_time: isoMs(one.lastLeaveMs),
    actual_attendance_minutes: one.durationMinutes,
    attendance_status: status,
    ...atLeast,
    attendance_percentage: one.attendancePercentage,
    is_late: one.isLate,
    late_minutes: one.lateMinutes,
    is_auto_calculated: mark === undefined,
    explanation: one.explanation,
  };
}
