import { z } from 'zod';
import type { ClassView } from '../db/classes.ts';
import type { ClassMarks, MarkRow, StandingMark } from '../db/marks.ts';
import { iso, shownInstant } from './fields.ts';
import { marksTag } from './marks-tag.ts';

/** What somebody can decide about a person. */
export const MARK_STATUSES = ['present', 'late', 'partial', 'absent', 'excused'] as const;

const status = z.enum(MARK_STATUSES);
const notes = z.string().nullable();

const decided = {
  source: z.enum(['manual', 'suggestion']),
  notes,
  marked_by: z.string().meta({ description: 'The sub of the token: person id or e-mail' }),
  marked_at: shownInstant,
  replaced: z
    .object({
      status: z.enum(['pending', 'unknown', ...MARK_STATUSES]),
      source: z.enum(['system_default', 'calculated', 'manual', 'suggestion']),
      notes,
    })
    .meta({ description: 'What held before' }),
};

export const markSchema = z.object({ status, ...decided }).meta({ id: 'Mark' });

/** With the person, and null where what was marked before was withdrawn. */
export const pastMarkSchema = z
  .object({
    person_id: z.string(),
    email: z.string().nullable(),
    name: z.string().nullable(),
    status: status.nullable().meta({ description: 'Null: withdrawn' }),
    ...decided,
  })
  .meta({ id: 'PastMark' });

export const etagField = z.string().meta({ description: 'Of the marks of the class, for If-Match' });

export const markedStudent = {
  person_id: z.string(),
  email: z.string(),
  name: z.string(),
  attendance_status: status.nullable().meta({ description: 'As marked; null when nobody marked it' }),
  mark: markSchema.nullable(),
};

/** The `student_…` fields speak of the only student and are null where there are several. */
export const standing = {
  session_id: z.string(),
  class_id: z.string().meta({ description: 'Always equal to session_id' }),
  tutor_attendance_status: status.nullable().meta({ description: 'As marked; null when nobody marked it' }),
  tutor_mark: markSchema.nullable(),
  student_attendance_status: status.nullable().meta({ description: 'Of the only student; else null' }),
  student_mark: markSchema.nullable(),
  attendance_notes: notes.meta({ description: 'Of the latest mark that stands' }),
  students: z.array(z.object(markedStudent)),
  etag: etagField,
};

export const standingSchema = z.object(standing).meta({ id: 'StandingMarks' });

/** Everybody on the roster with the marks that stand. */
export function standingShape(
  { row, roster }: Pick<ClassView, 'row' | 'roster'>,
  marks: ClassMarks,
): z.output<typeof standingSchema> {
  const markOf = (personId: string | undefined) => {
    const mark = personId === undefined ? undefined : marks.standing.get(personId);
    return mark === undefined ? null : markShape(mark);
  };
  const tutorMark = markOf(roster.find(({ role }) => role === 'teacher')?.personId);
  const students = roster
    .filter(({ role }) => role === 'student')
    .map(({ personId, email, name }) => {
      const mark = markOf(personId);
      return { person_id: personId, email, name, attendance_status: mark?.status ?? null, mark };
    });
  const only = students.length === 1 ? students[0] : undefined;
  const onRoster = roster.flatMap(({ personId }) => marks.standing.get(personId) ?? []);
  const [latest] = onRoster.sort((a, b) => (a.id > b.id ? -1 : 1));
  return {
    session_id: row.id,
    class_id: row.id,
    tutor_attendance_status: tutorMark?.status ?? null,
    tutor_mark: tutorMark,
    student_attendance_status: only?.attendance_status ?? null,
    student_mark: only?.mark ?? null,
    attendance_notes: latest?.notes ?? null,
    students,
    etag: marksTag(marks),
  };
}

export function markShape(mark: StandingMark): z.output<typeof markSchema> {
  return { status: mark.status, ...decidedShape(mark) };
}

export function pastMarkShape(
  mark: MarkRow,
  person: { email: string; name: string } | undefined,
): z.output<typeof pastMarkSchema> {
  return {
    person_id: mark.personId,
    email: person?.email ?? null,
    name: person?.name ?? null,
    status: mark.status,
    ...decidedShape(mark),
  };
}

function decidedShape({ source, notes: words, markedBy, markedAt, replaced }: MarkRow) {
  return { source, notes: words, marked_by: markedBy, marked_at: iso(markedAt), replaced };
}
