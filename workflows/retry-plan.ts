/**
 * When to ask again for evidence that is missing (product §3.6): every ten minutes for two hours, every hour until a
 * day has passed, then every six hours, and a last time when the seven days end. Everything scales with `firstMs`, so a
 * demonstration may live through the same plan in seconds.
 */

export interface RetryPlan {
  /** When the waiting began: the end, or the scheduling of a class that was over by then. */
  sinceMs: number;
  /** 600,000 by default. */
  firstMs: number;
  /** 604,800,000 by default. */
  forMs: number;
}

/** From how many first intervals on, and how many of them a wait then lasts: 2 h = 12 × 10 min, 24 h = 144 × 10 min. */
const STEPS = [
  { from: 0, wait: 1 },
  { from: 12, wait: 6 },
  { from: 144, wait: 36 },
] as const;

export const lastAttemptAt = ({ sinceMs, forMs }: RetryPlan): number => sinceMs + forMs;

/** The instant of the attempt that follows one made at `nowMs`; null when that one was the last. */
export function nextAttemptAt(plan: RetryPlan, nowMs: number): number | null {
  const last = lastAttemptAt(plan);
  if (nowMs >= last) return null;
  const elapsed = nowMs - plan.sinceMs;
  const step = STEPS.findLast(({ from }) => elapsed >= from * plan.firstMs) ?? STEPS[0];
  return Math.min(nowMs + step.wait * plan.firstMs, last);
}
