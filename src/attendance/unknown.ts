import type { Connection } from './connections.ts';
import { clip, type Interval, total, union } from './intervals.ts';
import type { Policy } from './policy.ts';
import { known, type Presence, presenceOf } from './presence.ts';
import type { RuleStatus } from './status.ts';

/** Why somebody's attendance is not known. */
export type Doubt = 'own_end' | 'evidence' | 'unmatched';

/** What decides whether a person is `unknown`. */
export interface Knowledge {
  counting: readonly Connection[];
  presence: Presence;
  status: RuleStatus;
  window: Interval;
  policy: Policy;
  /** Activity that is known, milliseconds of the lesson, and the lesson's length. */
  engagedMs: number;
  lengthMs: number;
  /** The class's evidence could still show more of anybody (product §6). */
  evidenceIncomplete: boolean;
  /** An unmatched human with at least `min_presence_seconds` in the counting window waits in the review queue. */
  unmatchedWaits: boolean;
}

/**
 * Unknown is not absent (product §5): every reason to doubt, none when the known presence already earns `present`.
 */
export function doubts(knowledge: Knowledge): Doubt[] {
  if (knowledge.status === 'present') return [];
  const found: Doubt[] = [];
  if (ownEndCouldAdd(knowledge)) found.push('own_end');
  if (knowledge.evidenceIncomplete && couldShowMore(knowledge)) found.push('evidence');
  if (knowledge.unmatchedWaits && knowledge.status === 'absent') found.push('unmatched');
  return found;
}

/** Could the time between an assumed end and its bound, or before a left of unknown beginning, add to the presence? */
function ownEndCouldAdd({ counting, presence, window, policy }: Knowledge): boolean {
  const possible = possibleTimes(counting);
  if (possible.length === 0) return false;
  return presenceOf(counting, window, policy, possible).presenceMs > presence.presenceMs;
}

/** The times in which connections may have gone on although nothing shows it. */
export function possibleTimes(connections: readonly Connection[]): Interval[] {
  return connections.flatMap((connection) => connection.possible ?? []);
}

/** Nothing can be added to somebody who filled the whole window, or, where activity decides, the whole lesson. */
function couldShowMore({ presence, window, policy, engagedMs, lengthMs }: Knowledge): boolean {
  if (presence.presenceMs < window.endMs - window.startMs) return true;
  return policy.preset === 'astegni' && engagedMs < lengthMs;
}

/**
 * Was an unmatched human there for at least `min_presence_seconds` of the counting window? Time that is only possible
 * counts here, because it could be the very person who would be absent.
 */
export function mayHaveBeenThere(
  guest: readonly Connection[],
  window: Interval,
  minPresenceMs: number,
): boolean {
  const ms = total(union(clip([...known(guest), ...possibleTimes(guest)], window)));
  return ms > 0 && ms >= minPresenceMs;
}
