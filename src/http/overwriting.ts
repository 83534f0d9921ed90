/** Two people who mark at once never overwrite each other unseen (RFC 9110, 13.1.1; RFC 6585, 3). */
import type { ClassView } from '../db/classes.ts';
import type { ClassMarks } from '../db/marks.ts';
import type { Decided } from './decisions.ts';
import { standingShape } from './mark-shape.ts';
import { marksTag, takesTag } from './marks-tag.ts';
import { Problem, type ProblemCode } from './problem.ts';

/** The marks are still those that If-Match names. */
export function mustMatch(ifMatch: string | undefined, view: ClassView, marks: ClassMarks): void {
  const tag = marksTag(marks);
  if (ifMatch === undefined || takesTag(ifMatch, tag)) return;
  const detail = `the marks of the class are ${tag} now and not what If-Match names; look at what stands and send the request again with If-Match: ${tag}, or * to take whatever is there`;
  throw refusal('precondition-failed', detail, view, marks);
}

/** Without If-Match nobody overwrites or withdraws what somebody else decided. */
export function mustHaveSeen(
  changes: readonly Decided[],
  { sub, ifMatch }: { sub: string; ifMatch: string | undefined },
  view: ClassView,
  marks: ClassMarks,
): void {
  if (ifMatch !== undefined) return;
  const others = changes.flatMap(({ personId }) => {
    const mark = marks.latest.get(personId);
    if (mark === undefined || mark.markedBy === sub) return [];
    const who = view.roster.find((one) => one.personId === personId)?.email ?? personId;
    return [
      mark.status === null
        ? `the mark of ${who} was withdrawn by ${mark.markedBy}`
        : `${who} was marked ${mark.status} by ${mark.markedBy}`,
    ];
  });
  if (others.length === 0) return;
  const tag = marksTag(marks);
  const detail = `${others.join(', ')}; to overwrite or withdraw that, send If-Match: ${tag}, or * for whatever is there`;
  throw refusal('precondition-required', detail, view, marks);
}

function refusal(code: ProblemCode, detail: string, view: ClassView, marks: ClassMarks): Problem {
  return new Problem(code, detail.slice(0, 2_000), {
    headers: { ETag: marksTag(marks) },
    members: standingShape(view, marks),
  });
}
