import type { Sign, Trace } from './traces.ts';
import { WHITEBOARD } from './whiteboard-silence.ts';

/**
 * Takes the default connection of a person apart (product §4: without a connection key a person has one per source).
 * In the order of their times, whatever was said after a left belongs to a new connection: joined, left, joined, left
 * are two stays and the time between them is nobody's. A left that follows a left gives no presence, because its
 * beginning is unknown; nothing before the earlier left can be meant. More joins and sightings can only add to this.
 *
 * At one instant a sighting comes before a left and a left before a joined while connected, and a joined before a left
 * otherwise.
 */
export function splitAtLefts(trace: Trace): Trace[] {
  const parts: Trace[] = [];
  let open: Sign[] = [];
  let notBeforeMs = trace.notBeforeMs;

  const close = (signs: Sign[]): void => {
    parts.push({ ...trace, signs, notBeforeMs });
  };

  for (const { atMs, joins, sightings, ends } of byInstant(trace.signs)) {
    const connected = open.length > 0;
    open.push(...sightings);
    if (!connected) open.push(...joins);
    const ended = open.length > 0 ? ends.length > 0 : ends.some((end) => end.kind === 'left');
    if (ended) {
      // On the whiteboard life needs a sign every 45 s, so a second disconnect has nothing to end.
      if (open.length > 0 || parts.length === 0 || trace.source !== WHITEBOARD) close([...open, ...ends]);
      open = [];
      notBeforeMs = atMs;
    }
    if (connected) open.push(...joins);
  }
  if (open.length > 0) close(open);
  return parts;
}

interface Instant {
  atMs: number;
  joins: Sign[];
  sightings: Sign[];
  ends: Sign[];
}

function byInstant(signs: readonly Sign[]): Instant[] {
  const instants: Instant[] = [];
  let current: Instant | undefined;
  for (const sign of [...signs].sort((a, b) => a.atMs - b.atMs)) {
    if (current === undefined || current.atMs !== sign.atMs) {
      current = { atMs: sign.atMs, joins: [], sightings: [], ends: [] };
      instants.push(current);
    }
    if (sign.kind !== 'life') current.ends.push(sign);
    else if (sign.joined) current.joins.push(sign);
    else current.sightings.push(sign);
  }
  return instants;
}
