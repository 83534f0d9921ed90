import type { Sign, Trace } from './traces.ts';

export const WHITEBOARD = 'whiteboard';

/** Without a sign of life for longer than this a whiteboard connection is lost (product §4): three heartbeats. */
export const SILENCE_MS = 45_000;

/**
 * Takes a whiteboard connection apart where its signs of life are more than 45 s apart. A disconnect belongs to the
 * part that began before it, and ends nothing when it comes more than 45 s after that part's last sign (product §5).
 */
export function splitAtSilence(trace: Trace): Trace[] {
  const parts = aliveParts(trace.signs);
  const orphans: Sign[] = [];
  for (const sign of trace.signs) {
    if (sign.kind === 'life') continue;
    const part = parts.findLast((candidate) => candidate.firstMs <= sign.atMs);
    if (part === undefined) orphans.push({ ...sign, joinedAtMs: null });
    else if (sign.atMs - part.lastMs <= SILENCE_MS) part.signs.push({ ...sign, joinedAtMs: null });
  }
  const split: Trace[] = parts.map(({ signs }) => ({ ...trace, signs }));
  if (orphans.length > 0) split.push({ ...trace, signs: orphans });
  return split;
}

interface AlivePart {
  firstMs: number;
  lastMs: number;
  signs: Sign[];
}

function aliveParts(signs: readonly Sign[]): AlivePart[] {
  const parts: AlivePart[] = [];
  let part: AlivePart | undefined;
  for (const sign of signs.flatMap(lives).sort((a, b) => a.atMs - b.atMs)) {
    if (part === undefined || sign.atMs - part.lastMs > SILENCE_MS) {
      part = { firstMs: sign.atMs, lastMs: sign.untilMs, signs: [] };
      parts.push(part);
    }
    part.lastMs = Math.max(part.lastMs, sign.untilMs);
    part.signs.push(sign);
  }
  return parts;
}

/** A beginning that the source tells is a sign like any other here: it too needs another within 45 s. */
function lives(sign: Sign): Sign[] {
  const own = sign.kind === 'life' ? [{ ...sign, joinedAtMs: null }] : [];
  if (sign.joinedAtMs === null || sign.kind === 'aborted' || sign.joinedAtMs > sign.atMs) return own;
  const began: Sign = {
    ...sign,
    kind: 'life',
    atMs: sign.joinedAtMs,
    untilMs: sign.joinedAtMs,
    joinedAtMs: null,
    heartbeat: false,
    removal: false,
  };
  return [began, ...own];
}
