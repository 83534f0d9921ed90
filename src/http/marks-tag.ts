import type { ClassMarks } from '../db/marks.ts';

/** Names the marks of a class as they are: who overwrites what somebody else decided says by it what they saw. */
export const marksTag = ({ version }: Pick<ClassMarks, 'version'>): string => `"marks-${version}"`;

/** Does If-Match name this tag? Compared strongly; `*` takes whatever is there (RFC 9110, 13.1.1). */
export function takesTag(ifMatch: string, tag: string): boolean {
  return ifMatch.trim() === '*' || ifMatch.split(',').some((one) => one.trim() === tag);
}
