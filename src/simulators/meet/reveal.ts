import type { Conference, Participant, Session } from './world.ts';

/** Meet deletes a conference record this long after its end. */
const KEPT_MS = 30 * 24 * 3_600_000;

/** What the server knows of a conference at `nowMs`; undefined when it does not know it yet or has forgotten it. */
export function knownConference(conference: Conference, nowMs: number) {
  const { startMs, endMs, lateMs } = conference;
  if (startMs > nowMs - lateMs) return undefined;
  if (endMs !== null && endMs + KEPT_MS <= nowMs) return undefined;
  const end = knownEnd(conference, endMs, nowMs);
  return {
    startMs,
    endMs: end,
    resource: {
      name: conference.name,
      startTime: iso(startMs),
      ...(end === null ? {} : { endTime: iso(end), expireTime: iso(end + KEPT_MS) }),
      space: conference.space.name,
    },
  };
}

/** Sessions that have begun as far as the server knows, each with its end if that is known. */
export function knownSessions(conference: Conference, participant: Participant, nowMs: number) {
  return participant.sessions
    .filter(({ startMs }) => startMs <= nowMs - conference.lateMs)
    .map((session) => knownSession(conference, session, nowMs));
}

function knownSession(conference: Conference, session: Session, nowMs: number) {
  const endMs = knownEnd(conference, session.endMs, nowMs);
  return {
    startMs: session.startMs,
    endMs,
    resource: {
      name: session.name,
      startTime: iso(session.startMs),
      ...(endMs === null ? {} : { endTime: iso(endMs) }),
    },
  };
}

/** Undefined until a session of the participant is known. */
export function knownParticipant(conference: Conference, participant: Participant, nowMs: number) {
  const sessions = knownSessions(conference, participant, nowMs);
  if (sessions.length === 0) return undefined;
  const startMs = Math.min(...sessions.map((session) => session.startMs));
  const ends = sessions.map((session) => session.endMs).filter((end) => end !== null);
  const endMs = ends.length === sessions.length ? Math.max(...ends) : null;
  return {
    startMs,
    endMs,
    resource: {
      name: participant.name,
      earliestStartTime: iso(startMs),
      ...(endMs === null ? {} : { latestEndTime: iso(endMs) }),
      ...userOf(participant),
    },
  };
}

function userOf({ who }: Participant) {
  switch (who.kind) {
    case 'signed_in':
      return { signedinUser: { user: `users/${who.userId}`, displayName: who.displayName } };
    case 'anonymous':
      return { anonymousUser: { displayName: who.displayName } };
    case 'phone':
      return { phoneUser: { displayName: who.displayName } };
    default:
      return who satisfies never;
  }
}

const knownEnd = (conference: Conference, endMs: number | null, nowMs: number) =>
  endMs !== null && endMs <= nowMs - conference.endsLateMs ? endMs : null;

const iso = (ms: number) => new Date(ms).toISOString();
