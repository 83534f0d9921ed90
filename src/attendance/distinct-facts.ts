import { canonicalEvent, canonicalSweep } from './canonical-inputs.ts';
import type { ClassFacts, EvidenceEvent, Sweep } from './facts.ts';

/**
 * The facts without duplicates. An event is known by its source and `sourceEventId`, a sweep by its id; the database
 * keeps the first of two with one id, so two that differ cannot both be here. If they are, the one that sorts first is
 * taken, because order of arrival means nothing (product §4).
 */
export function distinctFacts(facts: ClassFacts): ClassFacts {
  return {
    ...facts,
    events: once(
      facts.events,
      (event: EvidenceEvent) => `${event.source}\n${event.sourceEventId}`,
      canonicalEvent,
    ),
    sweeps: once(facts.sweeps, (sweep: Sweep) => sweep.id, canonicalSweep),
  };
}

function once<T>(facts: readonly T[], keyOf: (fact: T) => string, write: (fact: T) => string): T[] {
  const kept = new Map<string, T>();
  for (const fact of facts) {
    const key = keyOf(fact);
    const other = kept.get(key);
    if (other === undefined || (other !== fact && write(fact) < write(other))) kept.set(key, fact);
  }
  return [...kept.values()];
}
