import type { z } from 'zod';
import { calculateLive, readCalculation } from '../db/calculations.ts';
import { statusAt } from '../db/classes.ts';
import { childrenInClass } from '../db/guardians.ts';
import { readMarks } from '../db/marks.ts';
import { findPeopleById } from '../db/people.ts';
import { readClass } from '../db/plans.ts';
import { STAFF } from './authentication.ts';
import { iso } from './fields.ts';
import { mustBeOwn } from './own-class.ts';
import { notFound } from './problem.ts';
import { reportShape, reportsSchema, reportTypeOf } from './report-shape.ts';
import { read } from './route.ts';

export const reportsRoute = read({
  path: '/api/reports/sessions/{session_id}',
  operationId: 'readSessionReports',
  tag: 'reports',
  summary: 'One report for each student of a session',
  description:
    'Guardians see those of their own children. Before the first calculation everybody is pending and the figures are live and provisional.',
  roles: [...STAFF, 'teacher', 'guardian'],
  answers: { 200: { description: 'The reports', schema: reportsSchema } },
  async handle(tx, call): Promise<z.output<typeof reportsSchema>> {
    const { ref, deps, caller } = call;
    await mustBeOwn(tx, call);
    const children = caller.role === 'guardian' ? await childrenInClass(tx, ref, caller.sub) : null;
    if (children?.size === 0) throw notFound('class');
    const nowMs = deps.now();
    const { row } = await readClass(tx, ref);
    const stored = await readCalculation(tx, ref);
    const { people } = stored ?? (await calculateLive(tx, ref, nowMs));
    const students = people.filter(
      ({ role, personId }) => role === 'student' && (children === null || children.has(personId)),
    );
    const persons = await findPeopleById(
      tx,
      ref.tenantId,
      students.map((one) => one.personId),
    );
    const { standing } = await readMarks(tx, ref);
    return {
      session_id: row.id,
      class_id: row.id,
      session_type: row.sessionType,
      report_type: reportTypeOf(row.sessionType),
      subject: row.subject,
      start_time: iso(row.startAt),
      end_time: iso(row.endAt),
      status: statusAt(row, nowMs),
      is_complete: stored?.isComplete ?? false,
      reports: students
        .map((one) => reportShape(one, persons.get(one.personId), standing.get(one.personId)))
        .sort((a, b) => ((a.student_email ?? '') < (b.student_email ?? '') ? -1 : 1)),
    };
  },
});
