import { openAt } from '../src/db/plans.ts';
import { afterStart, isLate, type Opening } from './openings.ts';
import { type Latency, latencyOf, percentile } from './percentiles.ts';
import type { ScheduledClass } from './schedule-classes.ts';
import { twoMinutePoll } from './two-minute-poll.ts';

type Scanned = Omit<Opening, 'classId'>;

export interface AheadFigures {
  count: number;
  lead_ms: number;
  scheduled_in_ms: number;
  late: number;
  /** Before the start; the smallest first. */
  margin: { min_ms: number; p1_ms: number; p50_ms: number };
  /** From the first opening to the last. */
  spread_ms: number;
  busiest_second: number;
  /** After the instant that was planned for each class. */
  behind_plan: Latency;
  sql_scan: Latency & { late: number; busiest_second: number };
  two_minute_poll: Latency & { late: number };
}

export interface NowFigures {
  /** From the start, which is the instant of the call, to the opening. */
  rollcall: Latency;
  never_opened: number;
  api_answer: Latency;
  sql_scan: Latency;
  two_minute_poll: Latency;
  /** How many times sooner Rollcall opens, at the 99th percentile. */
  ratio_p99: { sql_scan: number; two_minute_poll: number };
}

export function aheadFigures(run: {
  openings: Opening[];
  scanned: Scanned[];
  tookMs: number;
  leadMs: number;
}): AheadFigures {
  const { openings, scanned, tookMs, leadMs } = run;
  const margins = afterStart(openings).map((ms) => -ms);
  const instants = instantsOf(openings);
  const behind = openings.flatMap(({ classId, startMs, openedMs }) =>
    openedMs === null ? [] : [openedMs - openAt(classId, startMs, leadMs)],
  );
  return {
    count: openings.length,
    lead_ms: leadMs,
    scheduled_in_ms: tookMs,
    late: openings.filter(isLate).length,
    margin: {
      min_ms: percentile(margins, 0),
      p1_ms: percentile(margins, 0.01),
      p50_ms: percentile(margins, 0.5),
    },
    spread_ms: percentile(instants, 1) - percentile(instants, 0),
    busiest_second: busiestSecond(instants),
    behind_plan: latencyOf(behind),
    sql_scan: {
      ...latencyOf(afterStart(scanned)),
      late: scanned.filter(isLate).length,
      busiest_second: busiestSecond(instantsOf(scanned)),
    },
    // A look exactly at the start has the chance of nothing.
    two_minute_poll: { ...twoMinutePoll(openings.length), late: openings.length },
  };
}

export function nowFigures(
  scheduled: readonly ScheduledClass[],
  openings: readonly Opening[],
  scanned: readonly Scanned[],
): NowFigures {
  const rollcall = latencyOf(afterStart(openings));
  const sqlScan = latencyOf(afterStart(scanned));
  const poll = twoMinutePoll(openings.length);
  const times = (other: Latency): number => Number((other.p99_ms / rollcall.p99_ms).toFixed(1));
  return {
    rollcall,
    never_opened: openings.filter(({ openedMs }) => openedMs === null).length,
    api_answer: latencyOf(scheduled.map(({ answeredAfterMs }) => answeredAfterMs)),
    sql_scan: sqlScan,
    two_minute_poll: poll,
    ratio_p99: { sql_scan: times(sqlScan), two_minute_poll: times(poll) },
  };
}

const instantsOf = (openings: readonly Scanned[]): number[] =>
  openings.flatMap(({ openedMs }) => (openedMs === null ? [] : [openedMs]));

/** The most openings in one second of the clock. */
function busiestSecond(instants: readonly number[]): number {
  const seconds = Map.groupBy(instants, (ms) => Math.floor(ms / 1_000));
  return Math.max(0, ...[...seconds.values()].map(({ length }) => length));
}
