/** Whom a request marks as what: by its own words, or as suggested. */
import type { Suggestion } from '../attendance/record.ts';
import type { ClassView } from '../db/classes.ts';
import type { ClassMarks, NewMark } from '../db/marks.ts';
import { iso } from './fields.ts';
import type { Marking } from './marking-body.ts';
import { type FieldError, invalid, Problem } from './problem.ts';

export type Decided = Omit<NewMark, 'replaced'>;
type Roster = ClassView['roster'];

/** What the request says in so many words. Throws a problem that names whoever is not in the class. */
export function explicitDecisions(given: Marking, roster: Roster): Decided[] {
  const [tutor] = roster.filter(({ role }) => role === 'teacher');
  const students = roster.filter(({ role }) => role === 'student');
  const [only] = students;
  const decided: Decided[] = [];
  const errors: FieldError[] = [];
  const decide = (personId: string, status: Decided['status'], notes: string | null | undefined): void => {
    const words = notes === undefined ? given.attendance_notes : notes;
    decided.push({ personId, status, source: 'manual', notes: words || null });
  };

  if (given.tutor_attendance_status !== undefined) {
    if (tutor) decide(tutor.personId, given.tutor_attendance_status, undefined);
    else
      errors.push({ field: 'tutor_attendance_status', message: 'must be left out: the class has no tutor' });
  }
  if (given.student_attendance_status !== undefined) {
    if (only && students.length === 1) decide(only.personId, given.student_attendance_status, undefined);
    else {
      const message = `speaks of the only student, and the class has ${students.length}: use students, [{"person_id": …, "attendance_status": …}]`;
      errors.push({ field: 'student_attendance_status', message });
    }
  }
  for (const [index, one] of (given.students ?? []).entries()) {
    const person = students.find(({ personId }) => personId === one.person_id);
    if (person) decide(person.personId, one.attendance_status, one.attendance_notes);
    else errors.push({ field: `students[${index}].person_id`, message: notAStudent(one.person_id, tutor) });
  }
  if (errors.length > 0) throw invalid(...errors.slice(0, 20));
  return decided;
}

function notAStudent(personId: string, tutor: Roster[number] | undefined): string {
  return personId === tutor?.personId
    ? 'is the tutor of the class: use tutor_attendance_status'
    : 'must be a student on the roster of the class, as GET …/attendance-suggestion lists them';
}

/** The suggestion cannot be taken for decided before the lesson is over. */
export function mustBeOver({ row }: Pick<ClassView, 'row'>, nowMs: number): void {
  if (nowMs >= row.endAt.getTime()) return;
  throw new Problem(
    'conflict',
    `the class has not ended; the suggestion can be accepted from ${iso(row.endAt)} on, until then give explicit statuses`,
  );
}

/**
 * The suggestion for everybody on the roster. Whoever is unknown keeps the mark they have; throws a problem when one has
 * none, because an unknown is never made an absence by accepting it.
 */
export function suggestedDecisions(
  suggestions: ReadonlyMap<string, Suggestion>,
  roster: Roster,
  { standing }: ClassMarks,
  notes: string | null | undefined,
): Decided[] {
  const unknown: Roster = [];
  const decided: Decided[] = [];
  for (const person of roster) {
    const { personId } = person;
    const status = suggestions.get(personId)?.status ?? 'unknown';
    if (status !== 'unknown') decided.push({ personId, status, source: 'suggestion', notes: notes || null });
    else if (!standing.has(personId)) unknown.push(person);
  }
  if (unknown.length === 0) return decided;
  const reasonsOf = (personId: string): string[] => suggestions.get(personId)?.reasons ?? [];
  const who = unknown.map(({ email }) => email).join(', ');
  const why = reasonsOf(unknown[0]?.personId ?? '').join(' ');
  throw new Problem(
    'conflict',
    `the suggestion is unknown for ${who}; mark them yourself, or wait for more evidence. ${why}`.slice(
      0,
      2_000,
    ),
    {
      members: {
        unknown: unknown.map(({ personId, email, name }) => ({
          person_id: personId,
          email,
          name,
          reasons: reasonsOf(personId),
        })),
      },
    },
  );
}
