import type { IdentityFact } from '../attendance/facts.ts';
import type { Who } from '../attendance/who.ts';
import type { Tx } from '../db/client.ts';
import { findPeopleById } from '../db/people.ts';

/** What to call somebody on a terminal: the e-mail, else the provider's name for them. */
export type NameOf = (who: Who) => string;

/** Names the persons with these ids. A provider's name was chosen by a stranger and may hold anything. */
export async function nameThem(tx: Tx, tenantId: string, personIds: Iterable<string>): Promise<NameOf> {
  const people = await findPeopleById(tx, tenantId, [...new Set(personIds)]);
  return (who) => (who.kind === 'person' ? (people.get(who.personId)?.email ?? who.personId) : who.identity);
}

export const personIdsOf = (identities: readonly IdentityFact[]): string[] =>
  identities.flatMap(({ personId }) => personId ?? []);
