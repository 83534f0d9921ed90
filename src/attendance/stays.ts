import type { Connection } from './connections.ts';
import { clip, type Interval, total } from './intervals.ts';
import type { Stay } from './record.ts';

/**
 * The stays of one person or guest for the attendance logs (product §8): the union of the in-call connections,
 * unbridged, as they happened. What they count sums to the presence less the bridging, so it is 0 throughout when the
 * minimum was not reached. A moment without length is a row too: somebody who was seen once.
 */
export function staysOf(
  counting: readonly Connection[],
  whose: Pick<Stay, 'personId' | 'identity' | 'role'>,
  window: Interval,
  minPresenceMs: number,
): Stay[] {
  const sorted = counting
    .filter((connection) => connection.beginMs !== null)
    .sort((a, b) => (a.beginMs ?? 0) - (b.beginMs ?? 0) || a.endMs - b.endMs);
  const stays: { connections: Connection[]; startMs: number; endMs: number }[] = [];
  for (const connection of sorted) {
    const startMs = connection.beginMs ?? connection.endMs;
    const last = stays.at(-1);
    if (last !== undefined && startMs <= last.endMs) {
      last.endMs = Math.max(last.endMs, connection.endMs);
      last.connections.push(connection);
    } else {
      stays.push({ connections: [connection], startMs, endMs: connection.endMs });
    }
  }
  const clipped = stays.map((stay) => total(clip([stay], window)));
  const counts = clipped.reduce((sum, ms) => sum + ms, 0) >= minPresenceMs;
  return stays.map((stay, index) => ({
    ...whose,
    source: [...new Set(stay.connections.map((connection) => connection.source))].sort().join('+'),
    joinMs: stay.startMs,
    leaveMs: stay.connections.some((connection) => connection.connected) ? null : stay.endMs,
    countedMs: counts ? (clipped[index] ?? 0) : 0,
  }));
}
