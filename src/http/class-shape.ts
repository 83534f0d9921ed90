import { z } from 'zod';
import type { AlertRow } from '../db/alerts.ts';
import { type ClassView, statusAt } from '../db/classes.ts';
import { classWorkflowId } from '../temporal/class-workflows.ts';
import { iso, isoOrNull, provider, shownInstant } from './fields.ts';

const CLASS_STATUSES = [
  'scheduled',
  'open',
  'active',
  'ended',
  'reconciling',
  'completed',
  'incomplete',
  'cancelled',
] as const;

export const classStatus = z.enum(CLASS_STATUSES);
export const captureProblem = z
  .object({ code: z.string(), message: z.string(), since: shownInstant })
  .nullable();
export const alertSchema = z
  .object({
    alert_id: z.string(),
    kind: z.enum(['teacher_missing', 'student_missing', 'capture_silent', 'unmatched_person']),
    about: z.string().meta({ description: 'A person id, `source:identity` of somebody unmatched, or empty' }),
    message: z.string(),
    raised_at: shownInstant,
    resolved_at: shownInstant.nullable(),
  })
  .meta({ id: 'Alert' });

export const alertShape = ({ id, kind, about, message, raisedAt, resolvedAt }: AlertRow) => ({
  alert_id: id.toString(),
  kind,
  about,
  message,
  raised_at: iso(raisedAt),
  resolved_at: isoOrNull(resolvedAt),
});

export const missingSchema = z.array(z.object({ code: z.string(), message: z.string() }));

const summary = {
  class_id: z.string(),
  session_id: z.string().meta({ description: 'Always equal to class_id' }),
  workflow_id: z.string(),
  status: classStatus,
  start_time: shownInstant,
  end_time: shownInstant,
  provider,
  room_name: z.string().optional(),
  meeting_uri: z.string().optional(),
};

export const scheduledSchema = z.object(summary).meta({ id: 'ScheduledClass' });

export const classSchema = z
  .object({
    ...summary,
    subject: z.string(),
    session_type: z.string(),
    external_id: z.string().nullable(),
    policy: z.string(),
    time_zone: z.string(),
    meeting_code: z.string().optional(),
    open_lead_seconds: z.int(),
    poll_seconds: z.int(),
    verify_seconds: z.int(),
    grace_seconds: z.int(),
    is_complete: z.boolean(),
    missing: missingSchema,
    capture_problem: captureProblem,
    alerts: z.array(alertSchema).meta({ description: 'Those that are not resolved' }),
    scheduled_at: shownInstant,
    opened_at: shownInstant.nullable(),
    ended_at: shownInstant.nullable(),
    settled_at: shownInstant.nullable(),
    cancelled_at: shownInstant.nullable(),
    cancel_reason: z.string().nullable(),
    roster: z.array(
      z.object({
        person_id: z.string(),
        email: z.string(),
        name: z.string(),
        role: z.enum(['teacher', 'student']),
      }),
    ),
  })
  .meta({ id: 'Class' });

export function scheduledShape({ row, session }: ClassView, nowMs: number): z.output<typeof scheduledSchema> {
  return {
    class_id: row.id,
    session_id: row.id,
    workflow_id: classWorkflowId({ tenantId: row.tenantId, classId: row.id }),
    status: statusAt(row, nowMs),
    start_time: iso(row.startAt),
    end_time: iso(row.endAt),
    provider: row.provider,
    ...(session.roomName === null ? {} : { room_name: session.roomName }),
    ...(session.meetingUri === null ? {} : { meeting_uri: session.meetingUri }),
  };
}

export function classShape(
  view: ClassView,
  alerts: readonly AlertRow[] | undefined,
  nowMs: number,
): z.output<typeof classSchema> {
  const { row, session, roster } = view;
  return {
    ...scheduledShape(view, nowMs),
    subject: row.subject,
    session_type: row.sessionType,
    external_id: row.externalId,
    policy: row.policy,
    time_zone: row.timeZone,
    ...(session.meetingCode === null ? {} : { meeting_code: session.meetingCode }),
    open_lead_seconds: row.openLeadSeconds,
    poll_seconds: row.pollSeconds,
    verify_seconds: row.verifySeconds,
    grace_seconds: row.graceSeconds,
    is_complete: row.isComplete,
    missing: row.missing,
    capture_problem: row.captureProblem,
    alerts: (alerts ?? []).map(alertShape),
    scheduled_at: iso(row.scheduledAt),
    opened_at: isoOrNull(row.openedAt),
    ended_at: isoOrNull(row.endedAt),
    settled_at: isoOrNull(row.settledAt),
    cancelled_at: isoOrNull(row.cancelledAt),
    cancel_reason: row.cancelReason,
    roster: roster.map(({ personId, email, name, role }) => ({ person_id: personId, email, name, role })),
  };
}
