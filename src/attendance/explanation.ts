import type { Connection } from './connections.ts';
import { gaps, total } from './intervals.ts';
import type { Policy } from './policy.ts';
import type { Roll, RosterPerson } from './roll.ts';
import { percentage, wholeMinutes } from './shares.ts';
import type { Verdict } from './status.ts';
import type { Doubt } from './unknown.ts';
import { clock, day, few, length } from './words.ts';

/** What the rules found about a person and the explanation has to justify. */
export interface Findings {
  verdict: Verdict;
  doubts: readonly Doubt[];
  /** The connections that flags and confidence look at. */
  telling: readonly Connection[];
}

/** Longer lists say how many more there are: a line that drops all the time would fill pages. */
const MOST_LISTED = 12;

/**
 * The record in sentences a parent can read (product §5): times, sources, clipping, bridging, the rule and the
 * threshold that decided.
 */
export function explain(person: RosterPerson, roll: Roll, findings: Findings): string[] {
  return [
    ...windowWords(roll),
    ...connectionWords(person, roll),
    ...endWords(findings.telling, roll),
    ...presenceWords(person, roll),
    ...latenessWords(person, roll),
    ...ruleWords(person, roll, findings),
    ...doubtWords(person, roll, findings),
  ];
}

function windowWords({ window, lesson, facts }: Roll): string[] {
  const time = (ms: number): string => clock(ms, lesson.startMs);
  const words = [
    `The lesson on ${day(lesson.startMs)} was from ${time(lesson.startMs)} to ${time(lesson.endMs)} UTC (${length(lesson.endMs - lesson.startMs)}).`,
  ];
  if (window.endMs > lesson.endMs) words.push(`Time counts until ${time(window.endMs)}.`);
  if (window.endMs < lesson.endMs + facts.policy.overrunMs) {
    words.push(`From ${time(window.endMs)} on the room belonged to the next class.`);
  }
  return words;
}

function connectionWords({ stays }: RosterPerson, { window, lesson }: Roll): string[] {
  const time = (ms: number): string => clock(ms, lesson.startMs);
  const [first] = stays;
  if (first === undefined) return ['No connection was seen.'];
  const listed = stays.map(
    (stay) => `${time(stay.joinMs)}–${stay.leaveMs === null ? 'now' : time(stay.leaveMs)} (${stay.source})`,
  );
  const words = [`Connected ${few(listed, MOST_LISTED)}.`];
  if (first.joinMs < window.startMs) words.push(`Time before ${time(window.startMs)} does not count.`);
  if (stays.some((stay) => (stay.leaveMs ?? 0) > window.endMs)) {
    words.push(`Time after ${time(window.endMs)} does not count.`);
  }
  return words;
}

/** How ends were found that no source told. */
function endWords(telling: readonly Connection[], { lesson }: Roll): string[] {
  const words = new Set<string>();
  for (const { mark, endMs, source, beginMs, connected } of telling) {
    const at = clock(endMs, lesson.startMs);
    if (connected || mark === 'told') continue;
    if (beginMs === null) words.add(`A leaving at ${at} (${source}) has no known beginning.`);
    else if (mark === 'inferred')
      words.add(`The end at ${at} (${source}) was inferred: no leaving was reported.`);
    else if (mark === 'estimated') {
      words.add(
        `The end at ${at} (${source}) is an estimate: nothing was heard between then and much later.`,
      );
    } else words.add(`After ${at} (${source}) nothing shows whether the connection went on.`);
  }
  return [...words];
}

function presenceWords({ presence, activity, figures }: RosterPerson, roll: Roll): string[] {
  const { policy } = roll.facts;
  const time = (ms: number): string => clock(ms, roll.lesson.startMs);
  const words: string[] = [];
  if (presence.bridged.length > 0) {
    const listed = presence.bridged.map(
      (gap) => `${time(gap.startMs)}–${time(gap.endMs)} (${length(gap.endMs - gap.startMs)})`,
    );
    words.push(`Gaps of at most ${length(policy.bridgeMs)} count: ${few(listed, MOST_LISTED)}.`);
  }
  const removed = gaps(presence.counted).filter((gap) => gap.endMs - gap.startMs <= policy.bridgeMs);
  if (removed.length > 0) {
    const listed = removed.map((gap) => `${time(gap.startMs)}–${time(gap.endMs)}`);
    words.push(`Gaps after a removal do not count: ${few(listed, MOST_LISTED)}.`);
  }
  if (presence.presenceMs === 0 && presence.connectedMs > 0) {
    words.push(
      `Connected for ${length(presence.connectedMs)} only; less than ${length(policy.minPresenceMs)} is no presence.`,
    );
  }
  words.push(
    `Present for ${length(presence.presenceMs)}, which is ${percentage(presence.presenceMs, figures.lengthMs).toFixed(2)} % of the lesson.`,
  );
  if (policy.preset === 'astegni') {
    words.push(
      roll.hadHeartbeat
        ? `Active for ${length(total(activity))}, which is ${percentage(figures.engagedMs, figures.lengthMs).toFixed(2)} %.`
        : 'No heartbeat was recorded in this class, so presence takes the place of activity.',
    );
  }
  return words;
}

function latenessWords({ figures, presence }: RosterPerson, { facts, lesson }: Roll): string[] {
  const { latenessMs } = figures;
  if (latenessMs === null || latenessMs === 0) return [];
  const at = clock(lesson.startMs + latenessMs, lesson.startMs);
  const { lateAfterMs } = facts.policy;
  // Under astegni somebody without presence is as late as the first activity.
  const first = presence.counted.length > 0 ? 'counted' : 'active';
  return [
    `First ${first} at ${at}, ${length(latenessMs)} after the start: ${
      latenessMs > lateAfterMs ? 'late, because that is' : 'not late, because that is not'
    } more than ${length(lateAfterMs)}.`,
  ];
}

function ruleWords(
  { figures }: RosterPerson,
  { facts }: Roll,
  { verdict: { status, reason }, doubts }: Findings,
): string[] {
  const { policy } = facts;
  const astegni = policy.preset === 'astegni';
  const what = astegni ? 'activity' : 'presence';
  const share = percentage(astegni ? figures.engagedMs : figures.presenceMs, figures.lengthMs).toFixed(2);
  const why = {
    nothing: 'nothing that counts',
    any_presence: 'any presence is enough',
    below_absent: `${what} of ${share} % is below ${policy.absentBelowPercent} %`,
    too_late: tooLateWords(policy, what, share),
    up_to_partial: `${what} of ${share} % is at most ${policy.partialUpToPercent} %`,
    late: astegni
      ? `late, with ${what} of ${share} %`
      : `late, and ${what} of ${share} % is at most ${policy.presentAbovePercent} %`,
    enough: astegni
      ? `${what} of ${share} % is at least ${policy.absentBelowPercent} %, and not late`
      : `${what} of ${share} % is above ${policy.partialUpToPercent} %, and not late`,
    enough_although_late: `late, but ${what} of ${share} % is above ${policy.presentAbovePercent} %`,
  }[reason];
  const sofar = doubts.length === 0 ? '' : ', as far as is known';
  return [
    `By the policy ${policy.name} (${policy.preset}, version ${policy.version}): ${why}, so ${status}${sofar}.`,
  ];
}

function tooLateWords(policy: Policy, what: string, share: string): string {
  const minutes = length(policy.absentWhenLaterThanMs ?? 0);
  const bound = policy.preset === 'astegni' ? 'below' : 'at most';
  return `more than ${minutes} late, and ${what} of ${share} % is ${bound} ${policy.partialUpToPercent} %`;
}

function doubtWords({ presence }: RosterPerson, roll: Roll, { doubts }: Findings): string[] {
  const words: string[] = [];
  for (const doubt of doubts) {
    if (doubt === 'own_end')
      words.push('Not certain, because the time that nothing is known about could add to it.');
    if (doubt === 'evidence')
      words.push('Not certain, because the evidence of the class could still show more.');
    if (doubt === 'unmatched') {
      words.push('Not certain, because somebody was there who has not been matched with a person yet.');
    }
  }
  if (doubts.length > 0) {
    const minutes = wholeMinutes(presence.presenceMs);
    words.push(`Known: at least ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`);
  }
  for (const gap of roll.completeness.gaps) {
    if (gap.about === 'everybody') words.push(`Missing: ${gap.message}.`);
  }
  if (roll.completeness.noConference) words.push('Meet knows of no conference for this class.');
  if (roll.moment.kind === 'live') words.push('Provisional: the class has not been calculated yet.');
  return words;
}
