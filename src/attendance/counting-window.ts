import type { ClassFacts } from './facts.ts';
import type { Interval } from './intervals.ts';

const HALF_HOUR_MS = 30 * 60_000;

type Times = Pick<ClassFacts, 'startMs' | 'endMs' | 'nextClassStartMs'> & { policy: { overrunMs: number } };

/**
 * The counting window `[S, E + overrun)`; the overrun ends early where the next class in the same room begins
 * (product §5). A next class that begins before `E` takes nothing of the lesson itself.
 */
export function countingWindow(facts: Times): Interval {
  const uncutMs = facts.endMs + facts.policy.overrunMs;
  const cutMs = facts.nextClassStartMs ?? uncutMs;
  return { startMs: facts.startMs, endMs: Math.max(facts.endMs, Math.min(uncutMs, cutMs)) };
}

/**
 * Where `first_join` and `last_leave` look: `[S − 30 min, E + max(overrun, 30 min))` (product §5, measures). The overrun
 * is the one that is left after the next class's cut, so that nobody leaves this class in the middle of the next.
 */
export function joinWindow(facts: Times): Interval {
  return {
    startMs: facts.startMs - HALF_HOUR_MS,
    endMs: Math.max(countingWindow(facts).endMs, facts.endMs + HALF_HOUR_MS),
  };
}
