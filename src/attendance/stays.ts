import type { Connection } from './connections.ts';
import { clip, type Interval, total, touches } from './intervals.ts';
import type { Stay } from './record.ts';

/** Connections that overlap or meet, as one stretch of time as it happened. */
export interface Stretch extends Interval {
  /** Live, and one of its connections goes on. */
  connected: boolean;
  sources: ReadonlySet<string>;
}

/**
 * The union of connections, unbridged and unclipped. A moment without length is a stretch too, unless another covers
 * it: somebody who was seen once.
 */
export function stretchesOf(counting: readonly Connection[]): Stretch[] {
  const begun = counting.flatMap(({ beginMs, endMs, connected, source }) =>
    beginMs === null ? [] : [{ startMs: beginMs, endMs, connected, source }],
  );
  begun.sort((a, b) => a.startMs - b.startMs);
  const stretches: (Stretch & { sources: Set<string> })[] = [];
  for (const { startMs, endMs, connected, source } of begun) {
    const last = stretches.at(-1);
    if (last === undefined || startMs > last.endMs) {
      stretches.push({ startMs, endMs, connected, sources: new Set([source]) });
    } else {
      last.endMs = Math.max(last.endMs, endMs);
      last.connected ||= connected;
      last.sources.add(source);
    }
  }
  return stretches;
}

/**
 * The stays of one person or guest for the attendance logs (product §8). What they count sums to the presence less the
 * bridging, so it is 0 throughout when the minimum was not reached.
 */
export function staysOf(
  stretches: readonly Stretch[],
  whose: Pick<Stay, 'personId' | 'identity' | 'role'>,
  window: Interval,
  minPresenceMs: number,
): Stay[] {
  const enough = total(clip(stretches, window)) >= minPresenceMs;
  return stretches.map((stretch) => ({
    ...whose,
    source: [...stretch.sources].sort().join('+'),
    joinMs: stretch.startMs,
    leaveMs: stretch.connected ? null : stretch.endMs,
    countedMs: enough ? total(clip([stretch], window)) : 0,
  }));
}

/**
 * `first_join` and `last_leave` (product §5): earliest beginning and latest end, unclipped, also when nothing counted;
 * no `last_leave` while live and connected. Connections that meet are taken together, so that splitting one changes
 * nothing.
 */
export function comingAndGoing(
  stretches: readonly Stretch[],
  joinWindow: Interval,
): { firstJoinMs: number | null; lastLeaveMs: number | null } {
  const near = stretches.filter((stretch) => touches(stretch, joinWindow));
  const first = near[0];
  const last = near.at(-1);
  if (first === undefined || last === undefined) return { firstJoinMs: null, lastLeaveMs: null };
  const connected = near.some((stretch) => stretch.connected);
  return { firstJoinMs: first.startMs, lastLeaveMs: connected ? null : last.endMs };
}
