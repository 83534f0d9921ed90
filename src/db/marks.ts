/** Human decisions about people in a class (product §7): the latest about each stands, unless it withdrew what was there. */
import { and, asc, desc, eq, inArray } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { type MarkStatus, marks } from './schema.ts';

export type MarkRow = typeof marks.$inferSelect;
export type NewMark = Pick<MarkRow, 'personId' | 'status' | 'source' | 'notes' | 'replaced'>;
/** A mark that stands. */
export type StandingMark = MarkRow & { status: MarkStatus };

export interface ClassMarks {
  /** Raised by every mark of the class, also by one that withdraws; 0 before the first. */
  version: bigint;
  /** What was decided last about each, by person id, also that nothing stands. */
  latest: Map<string, MarkRow>;
  /** By person id. */
  standing: Map<string, StandingMark>;
  /** All of them, the first first. */
  history: MarkRow[];
}

export async function readMarks(tx: Tx, { tenantId, classId }: ClassRef): Promise<ClassMarks> {
  const history = await tx
    .select()
    .from(marks)
    .where(and(eq(marks.tenantId, tenantId), eq(marks.classId, classId)))
    .orderBy(asc(marks.id));
  const latest = new Map(history.map((mark) => [mark.personId, mark]));
  const standing = new Map<string, StandingMark>();
  for (const mark of history) {
    if (mark.status === null) standing.delete(mark.personId);
    else standing.set(mark.personId, { ...mark, status: mark.status });
  }
  return { version: history.at(-1)?.id ?? 0n, latest, standing, history };
}

/** The marks that stand in these classes: by class id, then by person id. */
export async function readStandingMarks(
  tx: Tx,
  tenantId: string,
  classIds: string[],
): Promise<Map<string, Map<string, StandingMark>>> {
  const byClass = new Map<string, Map<string, StandingMark>>(classIds.map((id) => [id, new Map()]));
  if (classIds.length === 0) return byClass;
  const latest = await tx
    .selectDistinctOn([marks.classId, marks.personId])
    .from(marks)
    .where(and(eq(marks.tenantId, tenantId), inArray(marks.classId, classIds)))
    .orderBy(marks.classId, marks.personId, desc(marks.id));
  for (const mark of latest) {
    if (mark.status !== null) byClass.get(mark.classId)?.set(mark.personId, { ...mark, status: mark.status });
  }
  return byClass;
}

/** Appends. The caller holds the lock of the class, so that nobody marks in between. */
export async function appendMarks(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  given: NewMark[],
  { markedBy, atMs }: { markedBy: string; atMs: number },
): Promise<void> {
  if (given.length === 0) return;
  await tx
    .insert(marks)
    .values(given.map((mark) => ({ tenantId, classId, markedBy, markedAt: new Date(atMs), ...mark })));
}
