import type { Connection } from './connections.ts';
import { explain, type Findings } from './explanation.ts';
import { clip, type Interval, touches } from './intervals.ts';
import { ownMeasures } from './measures.ts';
import type { Together } from './pairing.ts';
import type { Flag, PersonAttendance } from './record.ts';
import type { Roll, RosterPerson } from './roll.ts';
import { minutesOf, wholeMinutes, wholeSeconds } from './shares.ts';
import { confidenceOf, verdict } from './status.ts';
import { comingAndGoing } from './stays.ts';
import { doubts } from './unknown.ts';

/**
 * The record of one person (product §5). `pairedIsProvisional` waits for everybody else's record and is false here.
 */
export function attendanceOf(person: RosterPerson, roll: Roll, paired: Together): PersonAttendance {
  const { facts, completeness } = roll;
  const live = roll.moment.kind === 'live';
  const rule = verdict(facts.policy, person.figures);
  const evidenceIncomplete = completeness.gaps.some((gap) => gap.about === 'everybody');
  const doubt = doubts({
    counting: person.counting,
    presence: person.presence,
    status: rule.status,
    window: roll.window,
    policy: facts.policy,
    engagedMs: person.figures.engagedMs,
    lengthMs: person.figures.lengthMs,
    evidenceIncomplete,
    unmatchedWaits: roll.unmatchedWaits,
  });
  const known = doubt.length === 0;
  const telling = person.counting.filter((connection) => tells(connection, roll));
  const confidence = known
    ? confidenceOf(facts.policy, person.figures, rule.status, telling, roll.hadHeartbeat)
    : null;
  const findings: Findings = { verdict: rule, doubts: doubt, telling };
  const explanation = explain(person, roll, findings);
  const measures = ownMeasures(
    person.presence,
    person.activity,
    person.figures.engagedMs,
    roll.lesson,
    facts.policy,
  );
  const flags = flagsOf(person, roll, findings);
  const status = known ? rule.status : 'unknown';
  return {
    personId: person.personId,
    role: person.role,
    status: live ? 'pending' : status,
    isFinal: !live && known && completeness.gaps.length === 0,
    confidence: live ? null : confidence,
    atLeastMinutes: live || known ? null : wholeMinutes(person.presence.presenceMs),
    ...measures,
    ...comingAndGoing(person.stretches, roll.joinWindow),
    pairedSeconds: wholeSeconds(paired.pairedMs(person.role, person.presence.counted)),
    pairedIsProvisional: false,
    waitingSeconds: wholeSeconds(paired.waitingMs(person.role, person.presence.counted)),
    flags,
    needsReview: !live && (!known || flags.some((flag) => REVIEWED.has(flag))),
    explanation: explanation.join(' '),
    eventIds: eventIdsOf(person),
    suggestion: {
      status,
      confidence,
      latenessMinutes: person.figures.latenessMs === null ? null : wholeMinutes(person.figures.latenessMs),
      engagementPercentage: measures.engagementPercentage,
      activeMinutes: minutesOf(measures.activeSeconds),
      reasons: explanation,
    },
  };
}

const REVIEWED: ReadonlySet<Flag> = new Set(['mostly_bridged', 'estimated', 'open']);

/** Flags and confidence look at connections near the class, and at those whose missing end could lie in the window. */
function tells(
  connection: Connection,
  { joinWindow, window }: { joinWindow: Interval; window: Interval },
): boolean {
  const { beginMs, endMs, possible } = connection;
  if (beginMs !== null && touches({ startMs: beginMs, endMs }, joinWindow)) return true;
  return possible !== null && clip([possible], window).length > 0;
}

function flagsOf({ presence }: RosterPerson, roll: Roll, { telling, doubts: found }: Findings): Flag[] {
  const flags: Flag[] = [];
  for (const mark of ['inferred', 'estimated', 'open'] as const) {
    if (telling.some((connection) => connection.mark === mark)) flags.push(mark);
  }
  // For Meet being listed is how one is known; elsewhere it means that the room had to be checked to find somebody there, or gone.
  const healed = telling.filter(({ onlyListed, foundGone }) => onlyListed || foundGone);
  if (healed.some(({ source }) => source !== 'meet')) {
    flags.push('reconciled');
  }
  if (presence.presenceMs > 0 && presence.bridgedMs > presence.connectedMs) flags.push('mostly_bridged');
  if (roll.completeness.noConference && presence.presenceMs === 0) flags.push('no_conference');
  if (found.includes('unmatched')) flags.push('unmatched_participant');
  const incomplete = roll.completeness.gaps.some((gap) => gap.about === 'everybody');
  if (incomplete && roll.moment.kind === 'settled') flags.push('incomplete_evidence');
  return flags;
}

/** In the order of their times, each once, though one event can speak of several connections. */
function eventIdsOf({ counting, supporting }: RosterPerson): string[] {
  const events = [...counting, ...supporting].flatMap((connection) => connection.events);
  events.sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
  return [...new Set(events.map((event) => event.id))];
}
