import type { Connection } from './connections.ts';
import type { Policy } from './policy.ts';
import type { Confidence } from './record.ts';
import { compareShare } from './shares.ts';

/** What the rules of a policy look at. All in milliseconds. */
export interface Figures {
  /** Scheduled length `L`. */
  lengthMs: number;
  presenceMs: number;
  /** Activity, or presence where the class had no heartbeat. */
  engagedMs: number;
  /** Start of the first counted interval − `S`; under astegni of the first active one if there is none. */
  latenessMs: number | null;
}

export type RuleStatus = 'present' | 'late' | 'partial' | 'absent';

/** The rule that decided, named for the explanation. */
export type Reason =
  | 'nothing'
  | 'any_presence'
  | 'below_absent'
  | 'too_late'
  | 'up_to_partial'
  | 'late'
  | 'enough'
  | 'enough_although_late';

export interface Verdict {
  status: RuleStatus;
  reason: Reason;
}

/** Status by the policy's rule, first that fits (product §5, Status). */
export function verdict(policy: Policy, figures: Figures): Verdict {
  // Whatever thresholds a tenant sets, who was not there at all is not present.
  const engagedMs = policy.preset === 'astegni' ? figures.engagedMs : 0;
  if (figures.presenceMs === 0 && engagedMs === 0) return { status: 'absent', reason: 'nothing' };
  switch (policy.preset) {
    case 'itqan':
      return byPresence(policy, figures);
    case 'astegni':
      return byActivity(policy, figures);
    case 'musa':
      return { status: 'present', reason: 'any_presence' };
    default:
      return policy.preset satisfies never;
  }
}

/** itqan: `p < 10` absent · `p ≤ 50` partial · late and `p ≤ 75` → late · else present. */
function byPresence(policy: Policy, figures: Figures): Verdict {
  const p = (percent: number): number => compareShare(figures.presenceMs, figures.lengthMs, percent);
  if (p(policy.absentBelowPercent) < 0) return { status: 'absent', reason: 'below_absent' };
  if (p(policy.partialUpToPercent) <= 0) {
    return tooLate(policy, figures)
      ? { status: 'absent', reason: 'too_late' }
      : { status: 'partial', reason: 'up_to_partial' };
  }
  if (!late(policy, figures)) return { status: 'present', reason: 'enough' };
  return p(policy.presentAbovePercent) <= 0
    ? { status: 'late', reason: 'late' }
    : { status: 'present', reason: 'enough_although_late' };
}

/** astegni: `e < 30` absent · lateness > 15 min and `e < 40` absent · late → late · else present. */
function byActivity(policy: Policy, figures: Figures): Verdict {
  const e = (percent: number): number => compareShare(figures.engagedMs, figures.lengthMs, percent);
  if (e(policy.absentBelowPercent) < 0) return { status: 'absent', reason: 'below_absent' };
  if (tooLate(policy, figures) && e(policy.partialUpToPercent) < 0) {
    return { status: 'absent', reason: 'too_late' };
  }
  return late(policy, figures) ? { status: 'late', reason: 'late' } : { status: 'present', reason: 'enough' };
}

function late(policy: Policy, { latenessMs }: Figures): boolean {
  return latenessMs !== null && latenessMs > policy.lateAfterMs;
}

function tooLate({ absentWhenLaterThanMs }: Policy, { latenessMs }: Figures): boolean {
  return absentWhenLaterThanMs !== null && latenessMs !== null && latenessMs > absentWhenLaterThanMs;
}

/** Under astegni an absence is sure when hardly anything happened (product §5). */
const SURELY_ABSENT_BELOW_PERCENT = 10;

/**
 * Confidence in a verdict (product §5): under astegni by activity, one step lower where the class had no heartbeat;
 * elsewhere by how the person's ends were found.
 *
 * @param telling the connections that flags and confidence look at
 */
export function confidenceOf(
  policy: Policy,
  figures: Figures,
  status: RuleStatus,
  telling: readonly Connection[],
  heartbeats: boolean,
): Confidence {
  if (policy.preset !== 'astegni') {
    if (telling.some(({ mark }) => mark === 'estimated' || mark === 'open')) return 'low';
    return telling.some(({ mark }) => mark === 'inferred') ? 'medium' : 'high';
  }
  const e = (percent: number): number => compareShare(figures.engagedMs, figures.lengthMs, percent);
  const sure =
    e(policy.presentAbovePercent) > 0 || (status === 'absent' && e(SURELY_ABSENT_BELOW_PERCENT) < 0);
  const fair = e(policy.partialUpToPercent) >= 0 && e(policy.presentAbovePercent) <= 0;
  if (sure) return heartbeats ? 'high' : 'medium';
  return fair && heartbeats ? 'medium' : 'low';
}
