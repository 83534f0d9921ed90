import { and, eq } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { ensurePeople } from './people.ts';
import { classRoster } from './schema.ts';

export interface Roster {
  teacherEmail: string;
  studentEmails: string[];
}

/** Puts exactly these people on the roster; who is not known yet by their e-mail is created. */
export async function writeRoster(tx: Tx, { tenantId, classId }: ClassRef, roster: Roster): Promise<void> {
  const { teacherEmail, studentEmails } = roster;
  const persons = await ensurePeople(tx, tenantId, [teacherEmail, ...studentEmails]);
  await tx
    .delete(classRoster)
    .where(and(eq(classRoster.tenantId, tenantId), eq(classRoster.classId, classId)));
  await tx.insert(classRoster).values(
    [...persons.values()].map(({ id, email }) => ({
      tenantId,
      classId,
      personId: id,
      role: email === teacherEmail ? ('teacher' as const) : ('student' as const),
    })),
  );
}
