import type { Completeness, Evidence, Gap } from './evidence.ts';
import type { Sweep } from './facts.ts';
import { clip, touches } from './intervals.ts';

const DAY_MS = 24 * 3_600_000;

/** Meet forgets after 30 days: an empty answer about a class that ended longer ago than this is none (product §4). */
const FORGETS_AFTER_MS = 25 * DAY_MS;

/** Meet's rule (product §6): the answers have settled and every session has its end, or nothing ever took place. */
export function meetCompleteness(evidence: Evidence): Completeness {
  const attempts = attemptsOf(evidence);
  if (!hadConference(evidence)) {
    const gap = emptyGap(evidence, attempts.at(-1));
    return { gaps: gap === null ? [] : [gap], noConference: gap === null };
  }
  const gaps: Gap[] = [];
  if (
    !settled(
      evidence,
      attempts.filter((attempt) => attempt.ok),
    )
  ) {
    gaps.push({
      code: 'meet_not_settled',
      message: 'Meet has not yet given the same sessions with the same ends twice since the end',
      about: 'everybody',
    });
  }
  const open = openSessions(evidence);
  if (open > 0) {
    const message = `${open} Meet ${open === 1 ? 'session has' : 'sessions have'} no end that is known`;
    gaps.push({ code: 'meet_open_sessions', message, about: 'one' });
  }
  return { gaps, noConference: false };
}

/** Whole answers, and failures to get one, in the order of their times. */
function attemptsOf({ facts, window }: Evidence): Sweep[] {
  return facts.sweeps
    .filter(
      (sweep) =>
        sweep.source === 'meet' &&
        sweep.scope === 'all' &&
        !(sweep.ok && isEmpty(sweep) && sweep.atMs > window.endMs + FORGETS_AFTER_MS),
    )
    .sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
}

function isEmpty(sweep: Sweep): boolean {
  return sweep.rooms.length === 0 && sweep.connections.length === 0;
}

/** Did anything ever show a conference record: an answer, or an event of one? */
function hadConference({ facts }: Evidence): boolean {
  return (
    facts.events.some((event) => event.source === 'meet') ||
    facts.sweeps.some((sweep) => sweep.source === 'meet' && sweep.ok && !isEmpty(sweep))
  );
}

/** No conference record at all: believed when it is still so at the latest attempt, long after the end. */
function emptyGap({ facts, window }: Evidence, latest: Sweep | undefined): Gap | null {
  const about = 'everybody';
  if (latest === undefined) return { code: 'meet_no_answer', message: 'Meet has not answered yet', about };
  if (!latest.ok) return { code: 'meet_no_answer', message: 'The latest question to Meet failed', about };
  if (latest.atMs - window.endMs >= facts.policy.emptySettlesAfterMs) return null;
  const hours = facts.policy.emptySettlesAfterMs / 3_600_000;
  const message = `Meet knows of no conference; that is believed when it still says so ${hours} h after the end`;
  return { code: 'meet_no_conference', message, about };
}

/**
 * All answers from one at or after the end (or after `E` and the end of every conference record) to the latest, at
 * least a fifth of the grace later, name the same sessions with the same ends.
 */
function settled({ facts, window }: Evidence, answers: readonly Sweep[]): boolean {
  const latest = answers.at(-1);
  if (latest === undefined) return false;
  const said = sessionsOf(latest);
  const closedMs = lastConferenceEnd(answers);
  let earliestMs: number | undefined;
  for (const answer of answers.toReversed()) {
    if (!sameSessions(said, sessionsOf(answer))) break;
    const late = answer.atMs >= window.endMs || (answer.atMs > facts.endMs && answer.atMs > closedMs);
    if (late) earliestMs = answer.atMs;
  }
  return earliestMs !== undefined && (latest.atMs - earliestMs) * 5 >= facts.graceMs;
}

/** Never, while a conference record goes on or none is known. */
function lastConferenceEnd(answers: readonly Sweep[]): number {
  const ends = new Map<string, number>();
  for (const { rooms } of answers) {
    for (const { room, endMs } of rooms) {
      // A later answer knows better whether the record has ended.
      ends.set(room, endMs ?? Number.POSITIVE_INFINITY);
    }
  }
  let lastMs = ends.size === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  for (const endMs of ends.values()) lastMs = Math.max(lastMs, endMs);
  return lastMs;
}

function sessionsOf(answer: Sweep): Set<string> {
  return new Set(answer.connections.map(({ connection, endMs }) => `${connection}\n${endMs ?? ''}`));
}

function sameSessions(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false;
  for (const session of a) if (!b.has(session)) return false;
  return true;
}

/** Sessions in the counting window without an end, given or inferred, that are not proven to reach the window's end. */
function openSessions({ connections, window }: Evidence): number {
  return connections.filter((connection) => {
    const { source, mark, beginMs, endMs, possible } = connection;
    if (source !== 'meet' || beginMs === null || (mark !== 'open' && mark !== 'estimated')) return false;
    return (
      touches({ startMs: beginMs, endMs }, window) ||
      clip(possible === null ? [] : [possible], window).length > 0
    );
  }).length;
}
