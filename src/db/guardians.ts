/** Whose record a guardian may see (product §1, §10). */
import { and, asc, eq } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { ensurePeople, isPerson, type Person } from './people.ts';
import { classRoster, guardians, people } from './schema.ts';

/** By address. */
export async function readGuardians(tx: Tx, tenantId: string, childId: string): Promise<Person[]> {
  return await tx
    .select({ id: people.id, email: people.email, name: people.name })
    .from(guardians)
    .innerJoin(people, and(eq(people.tenantId, guardians.tenantId), eq(people.id, guardians.guardianId)))
    .where(and(eq(guardians.tenantId, tenantId), eq(guardians.childId, childId)))
    .orderBy(asc(people.email));
}

/** Puts exactly these people in charge of the child; who is not known yet by their e-mail is created. */
export async function replaceGuardians(
  tx: Tx,
  tenantId: string,
  childId: string,
  emails: string[],
): Promise<void> {
  // Of two lists that come at once one replaces the other; without the lock both would stay.
  await tx
    .select({ id: people.id })
    .from(people)
    .where(and(eq(people.tenantId, tenantId), eq(people.id, childId)))
    .for('no key update');
  await tx.delete(guardians).where(and(eq(guardians.tenantId, tenantId), eq(guardians.childId, childId)));
  if (emails.length === 0) return;
  const persons = await ensurePeople(tx, tenantId, emails);
  await tx
    .insert(guardians)
    .values([...persons.values()].map(({ id }) => ({ tenantId, childId, guardianId: id })));
}

/** The students of the class, by person id, whose guardian `who` is: a person id or an e-mail. */
export async function childrenInClass(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  who: string,
): Promise<Set<string>> {
  const rows = await tx
    .select({ childId: guardians.childId })
    .from(guardians)
    .innerJoin(people, and(eq(people.tenantId, guardians.tenantId), eq(people.id, guardians.guardianId)))
    .innerJoin(
      classRoster,
      and(eq(classRoster.tenantId, guardians.tenantId), eq(classRoster.personId, guardians.childId)),
    )
    .where(
      and(
        eq(guardians.tenantId, tenantId),
        eq(classRoster.classId, classId),
        eq(classRoster.role, 'student'),
        isPerson(who),
      ),
    );
  return new Set(rows.map(({ childId }) => childId));
}
