import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ClassDetails } from '../db/class-details.ts';
import { askedFields } from '../db/class-request.ts';
import type { Tx } from '../db/client.ts';
import { PolicyNotFound, policyDateOf, policyOf } from '../db/policy-in-force.ts';
import { roomNameOf } from '../db/room-name.ts';
import { type ClassRequest, findScheduled, scheduleClass } from '../db/schedule-class.ts';
import { readTenant } from '../db/tenants.ts';
import { adoptRoom } from '../ingest/adopt-room.ts';
import { startWorkflow } from './bell.ts';
import {
  ACCEPTED_POLICIES,
  checkEndings,
  checkTeacher,
  durationMs,
  endings,
  meetingCode,
  studentEmails,
} from './class-fields.ts';
import { scheduledSchema, scheduledShape } from './class-shape.ts';
import { email, instant, line, provider, slug, timeZone, timings } from './fields.ts';
import { invalid, Problem } from './problem.ts';
import { change, type Deps } from './route.ts';
import { settingsOf } from './tenant-settings.ts';

const body = z
  .strictObject({
    teacher_email: email,
    student_emails: studentEmails,
    subject: line(200),
    start_time: instant,
    duration_minutes: endings.duration_minutes.optional(),
    duration_seconds: endings.duration_seconds.optional(),
    end_time: endings.end_time.optional(),
    session_type: slug.optional(),
    provider: provider.optional(),
    meeting_code: meetingCode.optional(),
    policy: line(100).optional(),
    time_zone: timeZone.optional(),
    external_id: line(200).optional(),
    open_lead_seconds: timings.open_lead_seconds.optional(),
    poll_seconds: timings.poll_seconds.optional(),
    verify_seconds: timings.verify_seconds.optional(),
    grace_seconds: timings.grace_seconds.optional(),
  })
  .superRefine((given, context) => {
    checkEndings(given, context, 1);
    checkTeacher(given, context);
  })
  .meta({ id: 'ScheduleClass' });

type Body = z.output<typeof body>;

export const scheduleRoute = change({
  path: '/api/schedule/class',
  operationId: 'scheduleClass',
  tag: 'classes',
  summary: 'Schedule a class',
  description:
    'Give exactly one of duration_minutes, duration_seconds and end_time. What is left out is the default of the tenant. People not yet known by their e-mail are created. A class may be scheduled after the fact.',
  roles: ['admin', 'service'],
  body,
  answers: {
    200: {
      description:
        'The class that this external_id already stands for, as it is now: a class that was changed is compared with what it became, and one that was cancelled answers with that status and is not scheduled again',
      schema: scheduledSchema,
    },
    201: { description: 'The class, stored', schema: scheduledSchema },
  },
  async handle(tx, { deps, tenantId, body: given }) {
    const request = await requestOf(tx, deps, tenantId, given);
    const earlier =
      request.externalId === null
        ? null
        : await findScheduled(tx, tenantId, request.externalId, request.asked);
    if (earlier === null) await mustHold(tx, tenantId, request);
    const scheduled = earlier ?? (await scheduleClass(tx, tenantId, request));
    if (scheduled.kind === 'different') {
      throw new Problem('conflict', `external_id "${request.externalId}" stands for another class`, {
        members: { class_id: scheduled.classId, differences: scheduled.differences },
      });
    }
    const answer = scheduledShape(scheduled.view, deps.now());
    if (scheduled.kind === 'same') return { status: 200, body: answer };
    const ref = { tenantId, classId: answer.class_id };
    if (request.roomName !== null) await adoptRoom(tx, ref, request.roomName);
    return { status: 201, body: answer, afterCommit: () => startWorkflow(deps, ref, request.startMs) };
  },
});

/** Fills in the tenant's defaults and remembers which fields they filled. */
async function requestOf(tx: Tx, deps: Deps, tenantId: string, given: Body): Promise<ClassRequest> {
  const tenant = await readTenant(tx, tenantId);
  const settings = settingsOf(tenant, deps.config);
  const startMs = Date.parse(given.start_time);
  const endMs =
    given.end_time === undefined ? startMs + (durationMs(given) ?? 0) : Date.parse(given.end_time);
  const chosen = {
    session_type: given.session_type ?? settings.session_type,
    provider: given.provider ?? settings.provider,
    policy: given.policy ?? settings.policy,
    time_zone: given.time_zone ?? tenant.timeZone,
    open_lead_seconds: given.open_lead_seconds ?? settings.open_lead_seconds,
    poll_seconds: given.poll_seconds ?? settings.poll_seconds,
    verify_seconds: given.verify_seconds ?? settings.verify_seconds,
    grace_seconds: given.grace_seconds ?? settings.grace_seconds,
  };
  const code = given.meeting_code ?? null;
  if (code !== null && chosen.provider !== 'meet') {
    throw invalid({
      field: 'meeting_code',
      message: `goes with provider meet; this class is for ${chosen.provider}`,
    });
  }
  const classId = randomUUID();
  const details: ClassDetails = {
    teacherEmail: given.teacher_email,
    studentEmails: given.student_emails,
    subject: given.subject,
    startMs,
    endMs,
    sessionType: chosen.session_type,
    provider: chosen.provider,
    meetingCode: code,
    policy: chosen.policy,
    timeZone: chosen.time_zone,
    openLeadSeconds: chosen.open_lead_seconds,
    pollSeconds: chosen.poll_seconds,
    verifySeconds: chosen.verify_seconds,
    graceSeconds: chosen.grace_seconds,
  };
  const names = Object.keys(chosen) as (keyof typeof chosen)[];
  return {
    ...details,
    classId,
    externalId: given.external_id ?? null,
    roomName:
      chosen.provider === 'livekit'
        ? roomNameOf(settings.room_pattern, { tenantId, classId }, chosen.session_type)
        : null,
    policyDate: policyDateOf(startMs, tenant.timeZone),
    scheduledAtMs: deps.now(),
    asked: {
      fields: askedFields(details),
      defaulted: names.filter((name) => given[name] === undefined),
    },
  };
}

/** The policy must be a preset or one of the tenant's that holds on the day of the class. */
async function mustHold(tx: Tx, tenantId: string, { policy, policyDate }: ClassRequest): Promise<void> {
  try {
    await policyOf(tx, { tenantId, policy, policyVersion: null, policyDate });
  } catch (error) {
    if (!(error instanceof PolicyNotFound)) throw error;
    throw invalid({
      field: 'policy',
      message: `${error.message}; ${ACCEPTED_POLICIES}`,
    });
  }
}
