/** What holds about a person in a class: a mark outranks every calculation (product §7). */
import type { AttendanceStatus, Missing, PersonAttendance } from './record.ts';

/** A human decision that stands. */
export interface Decision {
  status: AttendanceStatus;
  source: 'manual' | 'suggestion';
  notes: string | null;
}

export interface EffectiveStatus {
  status: AttendanceStatus;
  /** Who decided; `system_default` until something did. */
  source: 'system_default' | 'calculated' | Decision['source'];
  notes: string | null;
}

/**
 * The status that counts.
 *
 * @param calculated what the rules say; `pending` before the first calculation
 * @param mark the mark that stands, if there is one
 */
export function effectiveStatus(calculated: AttendanceStatus, mark: Decision | undefined): EffectiveStatus {
  if (mark !== undefined) return { status: mark.status, source: mark.source, notes: mark.notes };
  const source = calculated === 'pending' ? 'system_default' : 'calculated';
  return { status: calculated, source, notes: null };
}

/**
 * Whoever is marked is not `unknown` any more, so only the evidence of the class can still be missing.
 *
 * @param isComplete nothing is missing from the evidence of the class
 */
export function isFinalWith(
  { isFinal }: Pick<PersonAttendance, 'isFinal'>,
  mark: Decision | undefined,
  isComplete: boolean,
): boolean {
  return mark === undefined ? isFinal : isComplete;
}

const PEOPLE_UNKNOWN = 'people_unknown';

/**
 * What keeps a class from being settled: evidence that is missing, and people about whom neither it nor a mark tells.
 *
 * @param missing of the evidence; what it says of people is left aside and found anew
 * @param marks those that stand, by person id
 */
export function missingWith(
  missing: readonly Missing[],
  people: readonly PersonAttendance[],
  marks: ReadonlyMap<string, Decision>,
): Missing[] {
  const evidence = missing.filter(({ code }) => code !== PEOPLE_UNKNOWN);
  const unknown = people.filter(
    ({ status, personId }) => effectiveStatus(status, marks.get(personId)).status === 'unknown',
  ).length;
  if (unknown === 0) return evidence;
  const message = `${unknown} ${unknown === 1 ? 'person is' : 'people are'} unknown; each record says why`;
  return [...evidence, { code: PEOPLE_UNKNOWN, message }];
}
