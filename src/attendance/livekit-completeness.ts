import type { Evidence, Gap } from './evidence.ts';
import type { EvidenceEvent } from './facts.ts';
import { touches } from './intervals.ts';

const WEEK_MS = 7 * 24 * 3_600_000;

/**
 * LiveKit's rule (product §6): the room has closed or a sweep at the end succeeded, and the source was heard throughout
 * the lesson or its log is whole in itself.
 */
export function livekitGaps(evidence: Evidence): Gap[] {
  const events = evidence.facts.events.filter((event) => event.source === 'livekit');
  const rooms = instances(evidence, events);
  const gaps: Gap[] = [];
  if (!rooms.allClosed && !sweptAtTheEnd(evidence)) {
    gaps.push({
      code: 'livekit_not_ended',
      message: 'No room was seen to close, and no listing of the room at or after the end succeeded',
      about: 'everybody',
    });
  }
  if (!heard(evidence, events) && !wholeInItself(evidence, events, rooms)) {
    gaps.push({
      code: 'livekit_not_heard',
      message:
        'LiveKit was silent for too much of the lesson: no listing and no event for longer than five checks, and the log has a beginning without its end',
      about: 'everybody',
    });
  }
  return gaps;
}

interface Instances {
  allClosed: boolean;
  /** Each has its start and its end in the log of events. */
  allLogged: boolean;
}

function instances({ facts }: Evidence, events: readonly EvidenceEvent[]): Instances {
  const all = new Set<string>();
  const opened = new Set<string>();
  const closed = new Set<string>();
  const closedByListing = new Set<string>();
  for (const event of events) {
    const opening = event.kind === 'room_opened';
    const closing = event.kind === 'room_closed';
    if (event.room === undefined && !opening && !closing) continue;
    const room = event.room ?? '';
    all.add(room);
    if (opening) opened.add(room);
    if (closing) closed.add(room);
  }
  for (const sweep of facts.sweeps) {
    if (sweep.source !== 'livekit' || !sweep.ok) continue;
    for (const { room, endMs } of sweep.rooms) {
      all.add(room);
      if (endMs !== null) closedByListing.add(room);
    }
    for (const { room } of sweep.connections) if (room !== undefined) all.add(room);
  }
  const rooms = [...all];
  return {
    allClosed: rooms.length > 0 && rooms.every((room) => closed.has(room) || closedByListing.has(room)),
    allLogged: rooms.length > 0 && rooms.every((room) => opened.has(room) && closed.has(room)),
  };
}

/** A sweep at or after the end, made while the room existed or within seven days after the end, succeeded. */
function sweptAtTheEnd({ facts, window }: Evidence): boolean {
  return facts.sweeps.some(
    (sweep) =>
      sweep.source === 'livekit' &&
      sweep.ok &&
      sweep.atMs >= window.endMs &&
      (sweep.roomExisted === true || sweep.atMs <= window.endMs + WEEK_MS),
  );
}

/**
 * The longest part of `[S, E)` without a sweep or an event is at most five checks, and not the whole of it. In a merged
 * span of heartbeats there is no silence.
 */
function heard({ facts }: Evidence, events: readonly EvidenceEvent[]): boolean {
  const { startMs, endMs } = facts;
  const spans = events.map(({ atMs, untilMs }) => ({
    startMs: atMs,
    endMs: Math.max(atMs, untilMs ?? atMs),
  }));
  for (const { source, ok, atMs } of facts.sweeps) {
    if (source === 'livekit' && ok) spans.push({ startMs: atMs, endMs: atMs });
  }
  const within = spans.filter((span) => span.endMs >= startMs && span.startMs < endMs);
  if (within.length === 0) return false;
  within.sort((a, b) => a.startMs - b.startMs);
  let longestMs = 0;
  let heardUntilMs = startMs;
  for (const span of [...within, { startMs: endMs, endMs }]) {
    longestMs = Math.max(longestMs, span.startMs - heardUntilMs);
    heardUntilMs = Math.max(heardUntilMs, span.endMs);
  }
  return longestMs <= 5 * facts.verifyMs;
}

/**
 * Each instance has its start and its end, each joined its left or aborted, and at least one human came. A human who
 * came and went before the counting window is not taken for the lesson, and a participant whom only a listing knows
 * shows that the log is not whole.
 */
function wholeInItself(
  { connections, window }: Evidence,
  events: readonly EvidenceEvent[],
  rooms: Instances,
): boolean {
  if (!rooms.allLogged) return false;
  const joined = new Set<string>();
  const ended = new Set<string>();
  for (const event of events) {
    const key = event.connection ?? `${event.personId ?? ''}\n${event.identity ?? ''}`;
    if (event.kind === 'joined') joined.add(key);
    if (event.kind === 'left' || event.kind === 'aborted') ended.add(key);
  }
  for (const key of joined) if (!ended.has(key)) return false;
  const own = connections.filter((connection) => connection.source === 'livekit');
  if (own.some((connection) => connection.onlyListed)) return false;
  return own.some(({ beginMs, endMs }) => beginMs !== null && touches({ startMs: beginMs, endMs }, window));
}
