import type { ClassFacts, IdentityFact } from './facts.ts';

/** Whom a piece of evidence is about: a person of the tenant, or somebody known only by a provider's name. */
export type Who = { kind: 'person'; personId: string } | Guest;

/** `waiting`: in the review queue, neither matched nor dismissed. */
export interface Guest {
  kind: 'guest';
  source: string;
  identity: string;
  waiting: boolean;
}

/** Finds out about whom an event or listing speaks. The same somebody is always the same object. */
export interface Acquaintance {
  /** Null when the evidence names nobody, `machine` for what never counts (agents, egress, ingress). */
  whoIs(source: string, personId: string | undefined, identity: string | undefined): Who | 'machine' | null;
}

/** A person named by the event itself comes before the identity; an identity nobody has met yet is an unmatched human. */
export function acquaintance(facts: Pick<ClassFacts, 'identities'>): Acquaintance {
  const identities = new Map<string, IdentityFact>();
  for (const fact of facts.identities) identities.set(`${fact.source}\n${fact.identity}`, fact);
  const persons = new Map<string, Who>();
  const guests = new Map<string, Who>();

  const person = (personId: string): Who => {
    const known = persons.get(personId);
    if (known !== undefined) return known;
    const met: Who = { kind: 'person', personId };
    persons.set(personId, met);
    return met;
  };

  return {
    whoIs(source, personId, identity) {
      if (personId !== undefined) return person(personId);
      if (identity === undefined) return null;
      const key = `${source}\n${identity}`;
      const fact = identities.get(key);
      if (fact !== undefined && !fact.human) return 'machine';
      if (fact?.state === 'matched' && fact.personId !== undefined) return person(fact.personId);
      const known = guests.get(key);
      if (known !== undefined) return known;
      const met: Guest = { kind: 'guest', source, identity, waiting: fact?.state !== 'dismissed' };
      guests.set(key, met);
      return met;
    },
  };
}
