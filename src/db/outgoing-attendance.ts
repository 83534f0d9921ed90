/** Tells other systems what holds about everybody in a class: after a new calculation, and after a mark. */
import { and, desc, eq } from 'drizzle-orm';
import { effectiveStatus, isFinalWith } from '../attendance/effective-status.ts';
import type { PersonAttendance } from '../attendance/record.ts';
import type { ClassRef, Tx } from './client.ts';
import { readMarks } from './marks.ts';
import { announceIfWanted } from './outgoing.ts';
import { calculations, classRoster, people, records } from './schema.ts';

/** Before the first calculation nothing is known but the roster and the marks, and `version` is null. */
export async function announceAttendance(tx: Tx, ref: ClassRef): Promise<void> {
  await announceIfWanted(tx, ref, 'attendance.changed', async () => {
    const latest = await latestCalculation(tx, ref);
    const persons = latest === null ? await pending(tx, ref) : await calculated(tx, ref, latest.version);
    const { standing } = await readMarks(tx, ref);
    return {
      version: latest?.version ?? null,
      records: persons.map(({ email, ...person }) => {
        const mark = standing.get(person.personId);
        const { status, source } = effectiveStatus(person.status, mark);
        return {
          person_id: person.personId,
          email,
          role: person.role,
          status,
          source,
          is_final: latest !== null && isFinalWith(person, mark, latest.isComplete),
          duration_minutes: person.durationMinutes,
          attendance_percentage: person.attendancePercentage,
        };
      }),
    };
  });
}

type Known = Pick<PersonAttendance, 'personId' | 'role' | 'status' | 'isFinal'> & {
  email: string | null;
  /** Null before the first calculation. */
  durationMinutes: number | null;
  attendancePercentage: number | null;
};

async function latestCalculation(
  tx: Tx,
  { tenantId, classId }: ClassRef,
): Promise<{ version: number; isComplete: boolean } | null> {
  const [latest] = await tx
    .select({ version: calculations.version, isComplete: calculations.isComplete })
    .from(calculations)
    .where(and(eq(calculations.tenantId, tenantId), eq(calculations.classId, classId)))
    .orderBy(desc(calculations.version))
    .limit(1);
  return latest ?? null;
}

async function calculated(tx: Tx, { tenantId, classId }: ClassRef, version: number): Promise<Known[]> {
  const rows = await tx
    .select({ attendance: records.attendance, email: people.email })
    .from(records)
    .leftJoin(people, and(eq(people.tenantId, records.tenantId), eq(people.id, records.personId)))
    .where(and(eq(records.tenantId, tenantId), eq(records.classId, classId), eq(records.version, version)))
    .orderBy(records.personId);
  return rows.map(({ attendance, email }) => ({ ...attendance, email }));
}

async function pending(tx: Tx, { tenantId, classId }: ClassRef): Promise<Known[]> {
  const rows = await tx
    .select({ personId: classRoster.personId, role: classRoster.role, email: people.email })
    .from(classRoster)
    .innerJoin(people, and(eq(people.tenantId, classRoster.tenantId), eq(people.id, classRoster.personId)))
    .where(and(eq(classRoster.tenantId, tenantId), eq(classRoster.classId, classId)))
    .orderBy(classRoster.personId);
  return rows.map((row) => ({
    ...row,
    status: 'pending' as const,
    isFinal: false,
    durationMinutes: null,
    attendancePercentage: null,
  }));
}
