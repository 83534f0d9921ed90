import { z } from 'zod';
import { effectiveStatus, isFinalWith } from '../attendance/effective-status.ts';
import type { PersonAttendance } from '../attendance/record.ts';
import type { StandingMark } from '../db/marks.ts';
import { classStatus, missingSchema } from './class-shape.ts';
import { isoMs, shownInstant } from './fields.ts';
import { etagField, markSchema, markShape } from './mark-shape.ts';

export const ATTENDANCE_STATUSES = [
  'pending',
  'present',
  'late',
  'partial',
  'absent',
  'unknown',
  'excused',
] as const;

const record = z
  .object({
    person_id: z.string(),
    email: z.string().nullable(),
    name: z.string().optional(),
    role: z.enum(['teacher', 'student']),
    status: z.enum(ATTENDANCE_STATUSES).meta({ description: 'The mark, else what was calculated' }),
    calculated_status: z
      .enum(ATTENDANCE_STATUSES)
      .meta({ description: 'By the rules, whatever was marked; so are all figures and the explanation' }),
    mark: markSchema.nullable(),
    is_final: z.boolean(),
    confidence: z.enum(['high', 'medium', 'low']).nullable(),
    source: z
      .enum(['system_default', 'calculated', 'manual', 'suggestion'])
      .meta({ description: 'Who decided the status; system_default until something did' }),
    at_least_minutes: z
      .int()
      .optional()
      .meta({ description: 'With calculated_status unknown: whole minutes of presence that are known' }),
    present_seconds: z.int(),
    bridged_seconds: z.int(),
    duration_minutes: z.number(),
    attendance_percentage: z.number(),
    first_join: shownInstant.nullable(),
    last_leave: shownInstant.nullable(),
    lateness_seconds: z.int().nullable(),
    is_late: z.boolean(),
    late_minutes: z.int(),
    early_leave_seconds: z.int().nullable(),
    interruptions: z.int(),
    paired_seconds: z.int(),
    waiting_seconds: z.int(),
    active_seconds: z.int(),
    flags: z.array(z.string()),
    policy: z.object({ preset: z.string(), version: z.int() }),
    version: z.int().nullable().meta({ description: 'Null before the first calculation' }),
    inputs_hash: z.string().nullable().meta({ description: 'Null before the first calculation' }),
    explanation: z.string(),
    event_ids: z.array(z.string()),
  })
  .meta({ id: 'AttendanceRecord' });

export const attendanceSchema = z
  .object({
    class_id: z.string(),
    status: classStatus,
    is_complete: z.boolean(),
    missing: missingSchema,
    records: z.array(record),
    etag: etagField,
  })
  .meta({ id: 'Attendance' });

type AttendanceRecord = z.output<typeof record>;

/** What a record says beyond the figures of the person: where it comes from. */
export interface RecordFrame {
  policy: { preset: string; version: number };
  /** Null before the first calculation: the figures are live and nothing is decided. */
  calculation: { version: number; inputsHash: string; isComplete: boolean } | null;
  /** Those that stand, by person id. */
  marks: ReadonlyMap<string, StandingMark>;
}

export function recordShape(
  one: PersonAttendance,
  person: { email: string; name: string } | undefined,
  { policy, calculation, marks }: RecordFrame,
): AttendanceRecord {
  const decided = calculation !== null;
  const mark = marks.get(one.personId);
  const calculated = decided ? one.status : 'pending';
  const { status, source } = effectiveStatus(calculated, mark);
  const atLeast = decided && one.atLeastMinutes !== null ? { at_least_minutes: one.atLeastMinutes } : {};
  return {
    person_id: one.personId,
    email: person?.email ?? null,
    ...(person === undefined ? {} : { name: person.name }),
    role: one.role,
    status,
    calculated_status: calculated,
    mark: mark === undefined ? null : markShape(mark),
    is_final: decided && isFinalWith(one, mark, calculation.isComplete),
    confidence: decided ? one.confidence : null,
    source,
    ...atLeast,
    present_seconds: one.presentSeconds,
    bridged_seconds: one.bridgedSeconds,
    duration_minutes: one.durationMinutes,
    attendance_percentage: one.attendancePercentage,
    first_join: isoMs(one.firstJoinMs),
    last_leave: isoMs(one.lastLeaveMs),
    lateness_seconds: one.latenessSeconds,
    is_late: one.isLate,
    late_minutes: one.lateMinutes,
    early_leave_seconds: one.earlyLeaveSeconds,
    interruptions: one.interruptions,
    paired_seconds: one.pairedSeconds,
    waiting_seconds: one.waitingSeconds,
    active_seconds: one.activeSeconds,
    flags: one.flags,
    policy: { preset: policy.preset, version: policy.version },
    version: calculation?.version ?? null,
    inputs_hash: calculation?.inputsHash ?? null,
    explanation: one.explanation,
    event_ids: one.eventIds,
  };
}
