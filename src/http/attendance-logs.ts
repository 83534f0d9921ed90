import { z } from 'zod';
import { CLASS_END, type LogRow, listAttendanceLogs } from '../db/attendance-logs.ts';
import { ATTENDANCE_STATUSES } from './attendance-shape.ts';
import { STAFF } from './authentication.ts';
import { cursorMs, readCursor, writeCursor } from './cursor.ts';
import { email, instant, isoMs, page, shownInstant, uuid } from './fields.ts';
import { listOf } from './list-schema.ts';
import { read } from './route.ts';

const logSchema = z
  .object({
    user_email: z.string().nullable().meta({ description: 'Null for a guest whose address nobody knows' }),
    user_name: z.string().nullable(),
    role: z.enum(['teacher', 'student', 'guest']),
    join_time: shownInstant,
    leave_time: shownInstant.nullable().meta({ description: 'Null while connected' }),
    duration_minutes: z.number().meta({ description: 'The part that counts' }),
    duration_seconds: z.int(),
    session_id: z.string(),
    class_id: z.string(),
    subject: z.string(),
    source: z.string(),
  })
  .meta({ id: 'AttendanceLog' });

const query = z
  .strictObject({
    session_id: uuid.optional(),
    class_id: uuid.optional(),
    from: instant.meta({ description: 'Classes that start at or after this instant' }).optional(),
    to: instant.meta({ description: 'Classes that start before this instant' }).optional(),
    email: email.optional(),
    status: z.enum(ATTENDANCE_STATUSES).meta({ description: 'Attendance status of the person' }).optional(),
    ...page,
  })
  .superRefine(({ session_id: session, class_id: one }, context) => {
    if (session === undefined || one === undefined || session === one) return;
    context.addIssue({ code: 'custom', path: ['session_id'], message: 'must be the class_id, or left out' });
  });

export const attendanceLogsRoute = read({
  path: '/monitoring/attendance-logs',
  operationId: 'listAttendanceLogs',
  tag: 'monitoring',
  summary: 'One row for each person and stay',
  description:
    'Filters combine. A page may hold fewer rows than its limit, even none, and others follow: next_cursor tells. The rows of a person sum, up to rounding, to presence less bridging.',
  roles: STAFF,
  query,
  answers: { 200: { description: 'A page of stays', schema: listOf(logSchema) } },
  async handle(tx, { deps, tenantId, query: asked }) {
    const after = readCursor('logs', z.tuple([cursorMs, uuid, z.int().min(0).max(CLASS_END)]), asked.cursor);
    const filter = {
      classId: asked.class_id ?? asked.session_id,
      fromMs: asked.from === undefined ? undefined : Date.parse(asked.from),
      toMs: asked.to === undefined ? undefined : Date.parse(asked.to),
      email: asked.email,
      status: asked.status,
    };
    const { rows, next } = await listAttendanceLogs(tx, tenantId, filter, {
      after: after === null ? null : { startMs: after[0], classId: after[1], position: after[2] },
      limit: asked.limit,
      nowMs: deps.now(),
    });
    return {
      items: rows.map(logShape),
      next_cursor: next === null ? null : writeCursor('logs', [next.startMs, next.classId, next.position]),
    };
  },
});

function logShape({ classId, subject, stay, email: address, name }: LogRow): z.output<typeof logSchema> {
  return {
    user_email: address,
    user_name: name,
    role: stay.role,
    join_time: new Date(stay.joinMs).toISOString(),
    leave_time: isoMs(stay.leaveMs),
    duration_minutes: Math.round(stay.countedMs / 600) / 100,
    duration_seconds: Math.floor(stay.countedMs / 1_000),
    session_id: classId,
    class_id: classId,
    subject,
    source: stay.source,
  };
}
