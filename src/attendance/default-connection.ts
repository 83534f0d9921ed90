import type { Sign, Trace } from './traces.ts';
import { WHITEBOARD } from './whiteboard-silence.ts';

/**
 * Takes the default connection of a person apart (product §4: without a connection key a person has one per source).
 *
 * In the order of their times a joined opens and a left closes; the person is connected until as many have left as
 * joined, so that joined, left, joined, left are two stays, two devices that overlap are one, and a joined that was
 * said twice needs no second left: what the latest left leaves open ends there. A sighting opens what nothing has
 * opened yet. A left with nothing to close has no known beginning and gives no presence; it cannot mean anything
 * before the end of the stay it follows. Where every left has its joined, more joins and stays only ever add.
 *
 * At one instant a sighting comes first, then, while connected, a left before a joined, otherwise a joined before a
 * left.
 */
export function splitAtLefts(trace: Trace): Trace[] {
  const parts: Trace[] = [];
  let stay = newStay();
  let notBeforeMs = trace.notBeforeMs;
  const close = (signs: Sign[]): void => {
    if (signs.length > 0) parts.push({ ...trace, signs, notBeforeMs });
  };

  for (const sign of inOrder(trace.signs, () => stay.devices > 0)) {
    if (sign.kind === 'life') {
      open(stay, sign);
      continue;
    }
    if (stay.devices > 0) {
      stay.signs.push(sign);
      stay.upToLatestLeft = stay.signs.length;
      stay.devices -= 1;
    } else if (sign.kind === 'left' && (parts.length === 0 || trace.source !== WHITEBOARD)) {
      // On the whiteboard life needs a sign every 45 s, so a second disconnect has nothing to end.
      close([sign]);
    }
    if (stay.devices === 0 && stay.signs.length > 0) {
      close(stay.signs);
      notBeforeMs = sign.atMs;
      stay = newStay();
    }
  }
  close(stay.signs.slice(0, stay.upToLatestLeft));
  close(stay.signs.slice(stay.upToLatestLeft));
  return parts;
}

interface OpenStay {
  signs: Sign[];
  /** How many have joined and not left. */
  devices: number;
  /** Opened by a sighting; a joined that follows is taken for the one that was missed. */
  bySighting: boolean;
  upToLatestLeft: number;
}

function newStay(): OpenStay {
  return { signs: [], devices: 0, bySighting: false, upToLatestLeft: 0 };
}

function open(stay: OpenStay, sign: Sign): void {
  stay.signs.push(sign);
  if (stay.devices === 0) {
    stay.devices = 1;
    stay.bySighting = !sign.joined;
  } else if (sign.joined) {
    if (!stay.bySighting) stay.devices += 1;
    stay.bySighting = false;
  }
}

/** The signs by time; what happened at one instant in the order that fits whether somebody was connected then. */
function* inOrder(signs: readonly Sign[], isConnected: () => boolean): Generator<Sign> {
  const sorted = [...signs].sort((a, b) => a.atMs - b.atMs);
  let from = 0;
  while (from < sorted.length) {
    let to = from + 1;
    while (to < sorted.length && sorted[to]?.atMs === sorted[from]?.atMs) to += 1;
    const instant = sorted.slice(from, to);
    from = to;
    const joins = instant.filter((sign) => sign.kind === 'life' && sign.joined);
    const ends = instant.filter((sign) => sign.kind !== 'life');
    const [first, second] = isConnected() ? [ends, joins] : [joins, ends];
    yield* instant.filter((sign) => sign.kind === 'life' && !sign.joined);
    yield* first;
    yield* second;
  }
}
