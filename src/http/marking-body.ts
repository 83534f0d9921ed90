import { z } from 'zod';
import { uuid } from './fields.ts';
import { MARK_STATUSES } from './mark-shape.ts';

const STATUS = `must be ${MARK_STATUSES.join(', ')}, or null, which withdraws what was marked`;
const status = z.enum(MARK_STATUSES, { error: STATUS }).nullable();

const NOTES =
  'must be text of at most 2000 characters without control characters other than tabs and line breaks, or null';
const notes = z
  .string({ error: NOTES })
  .trim()
  .max(2_000, NOTES)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  .regex(/^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$/, NOTES)
  .nullable();

const student = z.strictObject({
  person_id: uuid,
  attendance_status: status,
  attendance_notes: notes.optional().meta({ description: 'Instead of those for everybody' }),
});

const EXPLICIT = ['tutor_attendance_status', 'student_attendance_status', 'students'] as const;

export const markingBody = z
  .strictObject({
    use_suggestion: z
      .boolean({ error: 'must be true or false' })
      .optional()
      .meta({ description: 'Accepts the suggestion for everybody on the roster' }),
    tutor_attendance_status: status.optional(),
    student_attendance_status: status.optional().meta({ description: 'Of the only student' }),
    students: z.array(student).optional(),
    attendance_notes: notes.optional().meta({
      description:
        'Kept with each mark of this request. A mark is a whole decision: without notes it has none',
    }),
  })
  .superRefine((given, context) => {
    const issue = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    const explicit = EXPLICIT.filter((field) => given[field] !== undefined);
    if (given.use_suggestion === true) {
      for (const field of explicit) issue([field], 'must be left out with use_suggestion: true');
    } else if (explicit.length === 0 || (explicit.join() === 'students' && given.students?.length === 0)) {
      issue([], `nothing to do: give use_suggestion: true, or one of ${EXPLICIT.join(', ')}`);
    }
    if (given.student_attendance_status !== undefined && given.students !== undefined) {
      issue(['student_attendance_status'], 'must be left out with students, which says it of each');
    }
    const seen = new Set<string>();
    for (const [index, { person_id: id }] of (given.students ?? []).entries()) {
      if (seen.has(id)) issue(['students', index, 'person_id'], 'must be given once');
      seen.add(id);
    }
  })
  .meta({ id: 'MarkAttendance' });

export type Marking = z.output<typeof markingBody>;
