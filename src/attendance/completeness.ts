import type { Completeness, Evidence } from './evidence.ts';
import { touches } from './intervals.ts';
import { livekitGaps } from './livekit-completeness.ts';
import { meetCompleteness } from './meet-completeness.ts';
import { isRegisteredInCall } from './presence.ts';
import { WHITEBOARD } from './whiteboard-silence.ts';

/**
 * What is missing for the evidence of a class to be complete (product §6): nothing when an in-call source registered by
 * the tenant declared itself complete, else what the rule of its provider misses.
 */
export function completeness(evidence: Evidence): Completeness {
  const { facts } = evidence;
  if (facts.sources.some((source) => isRegisteredInCall(source) && source.declaredComplete)) {
    return { gaps: [], noConference: false };
  }
  switch (facts.provider) {
    case 'livekit':
      return { gaps: livekitGaps(evidence), noConference: false };
    case 'meet':
      return meetCompleteness(evidence);
    case 'whiteboard':
      return whiteboardCompleteness(evidence);
    default:
      return facts.provider satisfies never;
  }
}

/** An unused whiteboard is not an empty classroom: somebody of the roster must have connected inside the window. */
function whiteboardCompleteness({ facts, connections, window }: Evidence): Completeness {
  const roster = new Set(facts.roster.map((entry) => entry.personId));
  const used = connections.some(
    ({ source, who, beginMs, endMs }) =>
      source === WHITEBOARD &&
      who.kind === 'person' &&
      roster.has(who.personId) &&
      beginMs !== null &&
      touches({ startMs: beginMs, endMs }, window),
  );
  if (used) return { gaps: [], noConference: false };
  const message = 'Nobody of the roster connected to the whiteboard during the class';
  return { gaps: [{ code: 'whiteboard_unused', message, about: 'everybody' }], noConference: false };
}
