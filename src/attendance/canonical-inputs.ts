import { countingWindow } from './counting-window.ts';
import type { ClassFacts, EvidenceEvent, ListedConnection, ListedRoom, Sweep } from './facts.ts';

/** Raise it when the rules change in a way that gives other records for the same facts. */
const RULES_VERSION = 1;

/** One event in one way of writing it; its place in the log and the order of its fields do not matter. */
export function canonicalEvent(event: EvidenceEvent): string {
  return JSON.stringify([
    event.source,
    event.sourceEventId,
    event.id,
    event.kind,
    event.atMs,
    event.joinedAtMs ?? null,
    event.untilMs ?? null,
    event.connection ?? null,
    event.room ?? null,
    event.personId ?? null,
    event.identity ?? null,
    event.reason ?? null,
  ]);
}

/** One sweep in one way of writing it: what it lists is a set. */
export function canonicalSweep(sweep: Sweep): string {
  return JSON.stringify([
    sweep.source,
    sweep.id,
    sweep.atMs,
    sweep.ok,
    sweep.scope,
    sweep.roomExisted ?? null,
    distinct(sweep.rooms, canonicalRoom),
    distinct(sweep.connections, canonicalConnection),
    ...(sweep.joining === undefined ? [] : [distinct(sweep.joining, String)]),
  ]);
}

/**
 * Everything that `inputs_hash` covers (product §5, Laws): the window as cut by the next class, the policy version,
 * roster, sources, identities and the distinct facts, in canonical order. Equal texts give equal records.
 */
export function canonicalInputs(facts: ClassFacts): string {
  const { policy } = facts;
  return JSON.stringify([
    RULES_VERSION,
    facts.classId,
    facts.provider,
    [facts.startMs, facts.endMs, countingWindow(facts).endMs],
    [facts.pollMs, facts.verifyMs, facts.graceMs],
    [
      policy.name,
      policy.preset,
      policy.version,
      policy.lateAfterMs,
      policy.absentBelowPercent,
      policy.partialUpToPercent,
      policy.presentAbovePercent,
      policy.absentWhenLaterThanMs,
      policy.overrunMs,
      policy.bridgeMs,
      policy.minPresenceMs,
      policy.emptySettlesAfterMs,
    ],
    distinct(facts.roster, (entry) => JSON.stringify([entry.personId, entry.role])),
    distinct(facts.sources, (source) => JSON.stringify([source.name, source.kind, source.declaredComplete])),
    distinct(facts.identities, (it) =>
      JSON.stringify([it.source, it.identity, it.state, it.personId ?? null, it.human]),
    ),
    distinct(facts.events, canonicalEvent),
    distinct(facts.sweeps, canonicalSweep),
  ]);
}

function canonicalRoom(room: ListedRoom): string {
  return JSON.stringify([room.room, room.startMs, room.endMs]);
}

function canonicalConnection(listed: ListedConnection): string {
  return JSON.stringify([
    listed.connection,
    listed.room ?? null,
    listed.identity,
    listed.startMs,
    listed.endMs,
  ]);
}

function distinct<T>(facts: readonly T[], write: (fact: T) => string): string[] {
  return [...new Set(facts.map(write))].sort();
}
