import type { Connection } from './connections.ts';
import type { ClassFacts } from './facts.ts';
import { clip, type Interval, union } from './intervals.ts';

/** A heartbeat comes every 15 s while somebody is active; one may be lost (product §5, `active_seconds`). */
const HEARTBEAT_LASTS_MS = 30_000;

/**
 * When a person was active: each heartbeat, of whatever source, makes `[h, min(h + 30 s, end of its connection))`
 * active; clipped to `[S, E)`.
 *
 * @param own all connections of the person, also those that give no presence
 */
export function activityOf(own: readonly Connection[], lesson: Interval): Interval[] {
  const active: Interval[] = [];
  for (const { heartbeats, endMs } of own) {
    for (const beat of heartbeats) {
      active.push({ startMs: beat.startMs, endMs: Math.min(beat.endMs + HEARTBEAT_LASTS_MS, endMs) });
    }
  }
  return union(clip(active, lesson));
}

/**
 * Did anybody's heartbeat reach into the lesson? Without one presence takes the place of activity. Heartbeats that
 * came before the start only say nothing about the lesson, so they do not make everybody inactive in it.
 */
export function hadHeartbeat(
  all: readonly Connection[],
  facts: Pick<ClassFacts, 'startMs' | 'endMs'>,
): boolean {
  return all.some(({ heartbeats, endMs }) =>
    heartbeats.some(
      (beat) =>
        beat.startMs < facts.endMs &&
        (beat.endMs >= facts.startMs || Math.min(beat.endMs + HEARTBEAT_LASTS_MS, endMs) > facts.startMs),
    ),
  );
}
