import { effectiveStatus } from '../attendance/effective-status.ts';
import { calculateClass, readCalculation } from '../db/calculations.ts';
import { wakeIfWhole } from '../db/change-class.ts';
import { viewClass } from '../db/classes.ts';
import type { ClassRef, Tx } from '../db/client.ts';
import { appendMarks, type ClassMarks, type NewMark, readMarks } from '../db/marks.ts';
import { announceAttendance } from '../db/outgoing-attendance.ts';
import type { ClassRow } from '../db/plans.ts';
import { readSuggestions } from '../db/suggestions.ts';
import { type Decided, explicitDecisions, mustBeOver, suggestedDecisions } from './decisions.ts';
import { standingSchema, standingShape } from './mark-shape.ts';
import { markingBody } from './marking-body.ts';
import { mustHaveSeen, mustMatch } from './overwriting.ts';
import { mustBeOwn } from './own-class.ts';
import { Problem } from './problem.ts';
import { change } from './route.ts';

export const markingRoute = change({
  path: '/api/tutor/sessions/{session_id}/attendance',
  method: 'put',
  operationId: 'markAttendance',
  tag: 'marking',
  summary: 'Mark people by hand, accept the suggestion, or withdraw what was marked',
  description:
    'A mark outranks every calculation and sets the status, never the measures; null withdraws it. Whoever is not named keeps what they have. use_suggestion marks everybody on the roster; it is refused before the scheduled end, and while somebody is unknown whom nobody marked. Without If-Match nobody overwrites or withdraws what somebody else marked.',
  roles: ['admin', 'teacher'],
  body: markingBody,
  etag: true,
  answers: { 200: { description: 'The marks that stand', schema: standingSchema } },
  async handle(tx, call) {
    const { ref, body, caller, deps, ifMatch } = call;
    const view = await viewClass(tx, ref, 'for update');
    await mustBeOwn(tx, call);
    if (view.row.status === 'cancelled') {
      throw new Problem('conflict', 'the class is cancelled; nobody is marked in it');
    }
    const before = await readMarks(tx, ref);
    mustMatch(ifMatch, view, before);
    // After the lock, for which it may have waited past the end of the class.
    const nowMs = deps.now();
    let decided: Decided[];
    if (body.use_suggestion === true) {
      mustBeOver(view, nowMs);
      const suggestions = await readSuggestions(tx, ref, nowMs);
      decided = suggestedDecisions(suggestions, view.roster, before, body.attendance_notes);
    } else decided = explicitDecisions(body, view.roster);

    const changes = decided.filter((one) => !stands(one, before));
    mustHaveSeen(changes, { sub: caller.sub, ifMatch }, view, before);
    // Whoever decides the same as somebody else has decided: from now on nobody changes it without having seen that.
    const agreed = decided.filter((one) => stands(one, before) && decidedByOther(one, caller.sub, before));
    if (changes.length + agreed.length === 0) return { status: 200, body: standingShape(view, before) };
    const given = await withReplaced(tx, ref, [...changes, ...agreed], before);
    await appendMarks(tx, ref, given, { markedBy: caller.sub, atMs: nowMs });
    await takeNotice(tx, view.row);
    return { status: 200, body: standingShape(view, await readMarks(tx, ref)) };
  },
});

/** It is so already. */
function stands({ personId, status, source, notes }: Decided, { standing }: ClassMarks): boolean {
  const mark = standing.get(personId);
  if (mark === undefined || status === null) return mark === undefined && status === null;
  return mark.status === status && mark.source === source && mark.notes === notes;
}

const decidedByOther = ({ personId }: Decided, sub: string, { latest }: ClassMarks): boolean =>
  latest.get(personId)?.markedBy !== sub && latest.has(personId);

async function withReplaced(
  tx: Tx,
  ref: ClassRef,
  changes: Decided[],
  { standing }: ClassMarks,
): Promise<NewMark[]> {
  const calculated = await readCalculation(tx, ref);
  return changes.map((one) => {
    const record = calculated?.people.find(({ personId }) => personId === one.personId);
    const replaced = effectiveStatus(record?.status ?? 'pending', standing.get(one.personId));
    return { ...one, replaced };
  });
}

/** Whom somebody marked is not unknown any more, which may settle the class, and a withdrawal the other way round. */
async function takeNotice(tx: Tx, row: ClassRow): Promise<void> {
  const ref = { tenantId: row.tenantId, classId: row.id };
  // The first calculation is its workflow's, after the grace.
  if (row.policyVersion === null) {
    await announceAttendance(tx, ref);
    return;
  }
  const before = await readCalculation(tx, ref);
  const { missing, version } = await calculateClass(tx, ref);
  // A new version is announced as such, and the marks with it.
  if (version === before?.version) await announceAttendance(tx, ref);
  await wakeIfWhole(tx, row, missing);
}
