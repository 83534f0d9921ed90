import { and, eq, inArray, or, type SQL } from 'drizzle-orm';
import { isUuid } from '../uuid.ts';
import type { Tx } from './client.ts';
import { people } from './schema.ts';

export type Person = Pick<typeof people.$inferSelect, 'id' | 'email' | 'name'>;

const columns = { id: people.id, email: people.email, name: people.name };

/** Is the person at hand `who`: a person id or an e-mail, as tokens and filters name people? */
export function isPerson(who: string): SQL | undefined {
  return or(eq(people.email, who.toLowerCase()), isUuid(who) ? eq(people.id, who) : undefined);
}

/** The persons with these addresses (lower case), by address. Who is not known yet is created, named by the local part. */
export async function ensurePeople(tx: Tx, tenantId: string, emails: string[]): Promise<Map<string, Person>> {
  // In one order for everybody, so that two requests about the same people never wait for each other in a circle.
  const sorted = [...new Set(emails)].sort();
  await tx
    .insert(people)
    .values(sorted.map((email) => ({ tenantId, email, name: email.slice(0, email.indexOf('@')) })))
    .onConflictDoNothing();
  return await findPeopleByEmail(tx, tenantId, sorted);
}

async function findPeopleByEmail(tx: Tx, tenantId: string, emails: string[]): Promise<Map<string, Person>> {
  if (emails.length === 0) return new Map();
  const rows = await tx
    .select(columns)
    .from(people)
    .where(and(eq(people.tenantId, tenantId), inArray(people.email, emails)));
  return new Map(rows.map((row) => [row.email, row]));
}

export async function findPeopleById(tx: Tx, tenantId: string, ids: string[]): Promise<Map<string, Person>> {
  if (ids.length === 0) return new Map();
  const rows = await tx
    .select(columns)
    .from(people)
    .where(and(eq(people.tenantId, tenantId), inArray(people.id, ids)));
  return new Map(rows.map((row) => [row.id, row]));
}
