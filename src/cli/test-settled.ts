/** Classes in the past, as their workflow leaves them. */
import { and, eq } from 'drizzle-orm';
import { calculateClass } from '../db/calculations.ts';
import { viewClass } from '../db/classes.ts';
import { type ClassRef, type Database, inTenant } from '../db/client.ts';
import { classes } from '../db/schema.ts';
import { appendEvents } from '../ingest/append-events.ts';
import { storeClass } from '../temporal/test-class.ts';

const MINUTE_MS = 60_000;

export async function changeRow(
  db: Database,
  { tenantId, classId }: ClassRef,
  values: Partial<typeof classes.$inferInsert>,
): Promise<void> {
  await inTenant(db, tenantId, (tx) =>
    tx
      .update(classes)
      .set(values)
      .where(and(eq(classes.tenantId, tenantId), eq(classes.id, classId))),
  );
}

/** A class that ended an hour ago, unless told otherwise, was calculated once and given up. */
export async function storeSettled(
  db: Database,
  given: Partial<Parameters<typeof storeClass>[1]> = {},
): Promise<ClassRef> {
  const ref = await storeClass(db, { startMs: Date.now() - 100 * MINUTE_MS, provider: 'livekit', ...given });
  await inTenant(db, ref.tenantId, (tx) => calculateClass(tx, ref));
  await changeRow(db, ref, { status: 'incomplete', settledAt: new Date() });
  return ref;
}

/** The student was there for the whole lesson, which nobody knew so far. */
export async function addEvidence(db: Database, ref: ClassRef): Promise<void> {
  await inTenant(db, ref.tenantId, async (tx) => {
    const { row, roster } = await viewClass(tx, ref);
    const [student] = roster.filter(({ role }) => role === 'student');
    const stay = { classId: ref.classId, source: 'livekit', connection: 'PA_1', room: 'RM_1' };
    const who = student === undefined ? {} : { personId: student.personId };
    await appendEvents(tx, ref.tenantId, [
      { ...stay, ...who, sourceEventId: `in-${ref.classId}`, kind: 'joined', atMs: row.startAt.getTime() },
      { ...stay, ...who, sourceEventId: `out-${ref.classId}`, kind: 'left', atMs: row.endAt.getTime() },
    ]);
  });
}
