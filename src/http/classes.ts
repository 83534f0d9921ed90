import { DateTime } from 'luxon';
import { z } from 'zod';
import type { Provider } from '../attendance/facts.ts';
import { readOpenAlerts } from '../db/alerts.ts';
import { type Changed, type ClassChange, cancelClass, changeClass } from '../db/change-class.ts';
import { listClasses, viewClass } from '../db/classes.ts';
import type { ClassRef, Tx } from '../db/client.ts';
import { readTenant } from '../db/tenants.ts';
import { adoptRoom } from '../ingest/adopt-room.ts';
import { STAFF } from './authentication.ts';
import { ringPlan } from './bell.ts';
import {
  ACCEPTED_POLICIES,
  checkEndings,
  checkTeacher,
  durationMs,
  endings,
  givenEndings,
  meetingCode,
  studentEmails,
} from './class-fields.ts';
import { classSchema, classShape, classStatus } from './class-shape.ts';
import { cursorMs, pageOf, readCursor, writeCursor } from './cursor.ts';
import {
  calendarDate,
  email,
  instant,
  line,
  page,
  provider,
  slug,
  timeZone,
  timings,
  uuid,
} from './fields.ts';
import { listOf } from './list-schema.ts';
import { mustBeOwn } from './own-class.ts';
import { invalid, Problem } from './problem.ts';
import { type Call, type Change, change, read } from './route.ts';
import { settingsOf } from './tenant-settings.ts';

const one = { 200: { description: 'The class', schema: classSchema } };
const someone = z.union([uuid, email], { error: 'must be a person id or an e-mail address' });

const listQuery = z
  .strictObject({
    status: classStatus.optional(),
    date: calendarDate
      .meta({ description: "Classes that start on this day in the tenant's zone" })
      .optional(),
    from: instant.meta({ description: 'Classes that start at or after this instant' }).optional(),
    to: instant.meta({ description: 'Classes that start before this instant' }).optional(),
    teacher: someone.optional(),
    student: someone.optional(),
    ...page,
  })
  .superRefine(({ date, from, to }, context) => {
    if (date === undefined || (from === undefined && to === undefined)) return;
    context.addIssue({ code: 'custom', path: ['date'], message: 'give either date or from and to' });
  });

const changeBody = z
  .strictObject({
    start_time: instant.optional(),
    end_time: endings.end_time.optional(),
    duration_minutes: endings.duration_minutes.optional(),
    duration_seconds: endings.duration_seconds.optional(),
    subject: line(200).optional(),
    teacher_email: email.optional(),
    student_emails: studentEmails.optional(),
    session_type: slug.optional(),
    provider: provider.optional(),
    meeting_code: meetingCode
      .nullable()
      .meta({ description: 'Null: the class gets a space of its own' })
      .optional(),
    policy: line(100).optional(),
    time_zone: timeZone.optional(),
    open_lead_seconds: timings.open_lead_seconds.optional(),
    poll_seconds: timings.poll_seconds.optional(),
    verify_seconds: timings.verify_seconds.optional(),
    grace_seconds: timings.grace_seconds.optional(),
  })
  .superRefine((given, context) => {
    checkEndings(given, context, 0);
    checkTeacher(given, context);
  })
  .meta({ id: 'ChangeClass' });

const cancelBody = z.strictObject({ reason: line(500) }).meta({ id: 'CancelClass' });

export const classRoutes = [
  read({
    path: '/api/classes',
    operationId: 'listClasses',
    tag: 'classes',
    summary: 'List classes by start; teachers see their own',
    roles: [...STAFF, 'teacher'],
    query: listQuery,
    answers: { 200: { description: 'A page of classes', schema: listOf(classSchema) } },
    async handle(tx, { deps, tenantId, caller, query }) {
      const after = readCursor('classes', z.tuple([cursorMs, uuid]), query.cursor);
      const nowMs = deps.now();
      const own = caller.role === 'teacher' ? { own: caller.sub } : {};
      const day =
        query.date === undefined ? null : dayIn((await readTenant(tx, tenantId)).timeZone, query.date);
      const filter = {
        status: query.status,
        fromMs: day?.fromMs ?? (query.from === undefined ? undefined : Date.parse(query.from)),
        toMs: day?.toMs ?? (query.to === undefined ? undefined : Date.parse(query.to)),
        teacher: query.teacher,
        student: query.student,
        ...own,
      };
      const rows = await listClasses(tx, tenantId, filter, {
        after: after === null ? null : { startMs: after[0], id: after[1] },
        limit: query.limit + 1,
        nowMs,
      });
      const alerts = await readOpenAlerts(
        tx,
        tenantId,
        rows.map(({ row }) => row.id),
      );
      return pageOf(
        rows,
        query.limit,
        (view) => classShape(view, alerts.get(view.row.id), nowMs),
        ({ row }) => writeCursor('classes', [row.startAt.getTime(), row.id]),
      );
    },
  }),
  read({
    path: '/api/classes/{class_id}',
    operationId: 'readClass',
    tag: 'classes',
    summary: 'Read a class with its roster',
    roles: [...STAFF, 'teacher'],
    answers: one,
    async handle(tx, call) {
      await mustBeOwn(tx, call);
      const view = await viewClass(tx, call.ref);
      return classShape(view, await alertsOf(tx, call.ref), call.deps.now());
    },
  }),
  change({
    method: 'patch',
    path: '/api/classes/{class_id}',
    operationId: 'changeClass',
    tag: 'classes',
    summary: 'Reschedule a class or change anything else about it',
    description:
      'Before the start anything; while active only the end, to now or later; after the end 409. A new start alone moves the class and keeps its length. Another provider or meeting_code gives it another space or room. The external_id stands for the class as it has become.',
    roles: ['admin', 'service'],
    body: changeBody,
    answers: one,
    async handle(tx, call) {
      const { body: given, ref, deps } = call;
      const wanted: ClassChange = {
        startMs: given.start_time === undefined ? undefined : Date.parse(given.start_time),
        endMs: given.end_time === undefined ? undefined : Date.parse(given.end_time),
        durationMs: durationMs(given),
        subject: given.subject,
        teacherEmail: given.teacher_email,
        studentEmails: given.student_emails,
        sessionType: given.session_type,
        provider: await providerOf(tx, call, given.provider),
        meetingCode: given.meeting_code,
        policy: given.policy,
        timeZone: given.time_zone,
        openLeadSeconds: given.open_lead_seconds,
        pollSeconds: given.poll_seconds,
        verifySeconds: given.verify_seconds,
        graceSeconds: given.grace_seconds,
      };
      const done = await changeClass(tx, ref, wanted, deps.now);
      const room = done.kind === 'changed' ? done.view.session.roomName : null;
      if (room !== null) await adoptRoom(tx, ref, room);
      return await changed(tx, call, done, givenEndings(given)[0]);
    },
  }),
  change({
    path: '/api/classes/{class_id}/cancel',
    operationId: 'cancelClass',
    tag: 'classes',
    summary: 'Cancel a class that is not settled',
    description: 'Closes the room and keeps the evidence.',
    roles: ['admin', 'service'],
    body: cancelBody,
    answers: one,
    async handle(tx, call) {
      return await changed(
        tx,
        call,
        await cancelClass(tx, call.ref, call.body.reason, call.deps.now),
        undefined,
      );
    },
  }),
];

async function providerOf(
  tx: Tx,
  { deps, tenantId }: Call<unknown, unknown>,
  name: Provider | undefined,
): Promise<ClassChange['provider']> {
  if (name === undefined) return undefined;
  const { room_pattern: roomPattern } = settingsOf(await readTenant(tx, tenantId), deps.config);
  return { name, roomPattern };
}

async function changed(
  tx: Tx,
  { deps, ref }: Call<unknown, unknown>,
  result: Changed,
  ending: string | undefined,
): Promise<Change> {
  switch (result.kind) {
    case 'refused':
      throw new Problem('conflict', result.reason);
    case 'invalid': {
      const field = result.field === 'end_time' ? (ending ?? 'start_time') : result.field;
      const accepted = field === 'policy' ? `; ${ACCEPTED_POLICIES}` : '';
      throw invalid({ field, message: `${result.message}${accepted}` });
    }
    case 'changed': {
      const { planVersion, view } = result;
      const answer = { status: 200, body: classShape(view, await alertsOf(tx, ref), deps.now()) };
      return planVersion === null
        ? answer
        : {
            ...answer,
            afterCommit: () => ringPlan(deps, ref, { planVersion, startMs: view.row.startAt.getTime() }),
          };
    }
    default:
      return result satisfies never;
  }
}

const alertsOf = async (tx: Tx, { tenantId, classId }: ClassRef) =>
  (await readOpenAlerts(tx, tenantId, [classId])).get(classId);

function dayIn(zone: string, date: string): { fromMs: number; toMs: number } {
  const start = DateTime.fromISO(date, { zone });
  return { fromMs: start.toMillis(), toMs: start.plus({ days: 1 }).toMillis() };
}
