import type { RosterRole } from './facts.ts';
import { type Interval, intersect, total, union } from './intervals.ts';

/** Presence of everybody on the roster, by role, for what is measured together (product §5). */
export interface Together {
  /** Milliseconds with the other side: a student with a teacher, a teacher with at least one student. */
  pairedMs(role: RosterRole, counted: readonly Interval[]): number;
  /** Milliseconds in which a teacher was there and no student was; a student waits for nobody. */
  waitingMs(role: RosterRole, counted: readonly Interval[]): number;
}

/** @param roll the role and the counted intervals of each person on the roster, and of nobody else */
export function together(roll: readonly { role: RosterRole; counted: readonly Interval[] }[]): Together {
  const presenceOf = (role: RosterRole): Interval[] =>
    union(roll.filter((person) => person.role === role).flatMap((person) => person.counted));
  const teachers = presenceOf('teacher');
  const students = presenceOf('student');
  const pairedMs = (role: RosterRole, counted: readonly Interval[]): number =>
    total(intersect(counted, role === 'teacher' ? students : teachers));
  return {
    pairedMs,
    waitingMs: (role, counted) => (role === 'teacher' ? total(counted) - pairedMs(role, counted) : 0),
  };
}
