import { canonicalInputs } from './canonical-inputs.ts';
import { distinctFacts } from './distinct-facts.ts';
import type { ClassFacts, Moment } from './facts.ts';
import { together } from './pairing.ts';
import { attendanceOf } from './person-attendance.ts';
import type { ClassAttendance, Missing, PersonAttendance, Stay } from './record.ts';
import { callRoll, type Roll } from './roll.ts';

/**
 * Who attended a class, for how long and what that is worth (product §5 and §6). Pure: the same facts give the same
 * answer, whatever their order and however often each is there.
 *
 * @param facts everything known about the class; all instants in UTC milliseconds
 * @param moment `live` before the first calculation, with the instant to which open connections reach; else `settled`
 * @param digest makes `inputs_hash` out of the canonical text of all inputs; not called while live
 * @returns a record for each person on the roster, the stays of everybody who was in the call, and what is missing
 */
export function calculateAttendance(
  facts: ClassFacts,
  moment: Moment,
  digest: (canonical: string) => string,
): ClassAttendance {
  const roll = callRoll(distinctFacts(facts), moment);
  const people = attendances(roll);
  const live = moment.kind === 'live';
  return {
    classId: facts.classId,
    windowStartMs: roll.window.startMs,
    windowEndMs: roll.window.endMs,
    isComplete: !live && roll.completeness.gaps.length === 0,
    missing: missingOf(roll),
    inputsHash: live ? null : digest(canonicalInputs(roll.facts)),
    people,
    stays: allStays(roll),
  };
}

function attendances(roll: Roll): PersonAttendance[] {
  const paired = together(roll.people.map(({ role, presence }) => ({ role, counted: presence.counted })));
  const people = roll.people.map((person) => attendanceOf(person, roll, paired));
  // Time together is certain only when nobody's time is in doubt and no stranger could turn out to be one of them.
  const pairedIsProvisional =
    roll.moment.kind === 'live' ||
    roll.unmatchedWaits ||
    people.some((person) => person.status === 'unknown');
  return people.map((person) => ({ ...person, pairedIsProvisional }));
}

function missingOf({ moment, completeness }: Roll): Missing[] {
  const gaps = completeness.gaps.map(({ code, message }) => ({ code, message }));
  if (moment.kind === 'settled') return gaps;
  return [
    {
      code: 'not_calculated',
      message: 'The first calculation is still to come; every figure is provisional',
    },
    ...gaps,
  ];
}

function allStays({ people, guestStays }: Roll): Stay[] {
  const stays = [...people.flatMap((person) => person.stays), ...guestStays];
  return stays.sort(
    (a, b) => a.joinMs - b.joinMs || (whose(a) < whose(b) ? -1 : whose(a) > whose(b) ? 1 : 0),
  );
}

function whose(stay: Stay): string {
  return `${stay.personId ?? ''}\n${stay.identity ?? ''}\n${stay.source}`;
}
