import { DateTime } from 'luxon';
import { z } from 'zod';
import { type Changed, cancelClass, changeClass } from '../db/change-class.ts';
import { listClasses, viewClass } from '../db/classes.ts';
import { readTenant } from '../db/tenants.ts';
import { STAFF } from './authentication.ts';
import { ringPlan } from './bell.ts';
import {
  checkEndings,
  checkTeacher,
  durationMs,
  endings,
  givenEndings,
  studentEmails,
} from './class-fields.ts';
import { classSchema, classShape, classStatus } from './class-shape.ts';
import { cursorMs, pageOf, readCursor, writeCursor } from './cursor.ts';
import { calendarDate, email, instant, line, page, uuid } from './fields.ts';
import { listOf } from './list-schema.ts';
import { mustBeOwn } from './own-class.ts';
import { invalid, Problem } from './problem.ts';
import { type Call, type Change, change, read } from './route.ts';

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
      return pageOf(
        rows,
        query.limit,
        (view) => classShape(view, nowMs),
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
      return classShape(await viewClass(tx, call.ref), call.deps.now());
    },
  }),
  change({
    method: 'patch',
    path: '/api/classes/{class_id}',
    operationId: 'changeClass',
    tag: 'classes',
    summary: 'Reschedule a class or change its roster',
    description:
      'Before the start anything; while active only the end, to now or later; after the end 409. A new start alone moves the class and keeps its length.',
    roles: ['admin', 'service'],
    body: changeBody,
    answers: one,
    async handle(tx, call) {
      const { body: given, ref, deps } = call;
      const wanted = {
        startMs: given.start_time === undefined ? undefined : Date.parse(given.start_time),
        endMs: given.end_time === undefined ? undefined : Date.parse(given.end_time),
        durationMs: durationMs(given),
        subject: given.subject,
        teacherEmail: given.teacher_email,
        studentEmails: given.student_emails,
      };
      return changed(call, await changeClass(tx, ref, wanted, deps.now), givenEndings(given)[0]);
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
      return changed(call, await cancelClass(tx, call.ref, call.body.reason, call.deps.now), undefined);
    },
  }),
];

function changed({ deps, ref }: Call<unknown, unknown>, result: Changed, ending: string | undefined): Change {
  switch (result.kind) {
    case 'refused':
      throw new Problem('conflict', result.reason);
    case 'invalid': {
      const field = result.field === 'end_time' ? (ending ?? 'start_time') : result.field;
      throw invalid({ field, message: result.message });
    }
    case 'changed': {
      const { planVersion, view } = result;
      const answer = { status: 200, body: classShape(view, deps.now()) };
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

function dayIn(zone: string, date: string): { fromMs: number; toMs: number } {
  const start = DateTime.fromISO(date, { zone });
  return { fromMs: start.toMillis(), toMs: start.plus({ days: 1 }).toMillis() };
}
