import Table from 'cli-table3';
import { type Machine, machineLine } from './machine.ts';
import { percentile } from './percentiles.ts';

export const FIGURES = { ratio: 1, goodput: 0.9, refusedWithinMs: 50, memory: 1.2, drainedWithinMs: 10_000 };

export interface Overload {
  times: number;
  /** The mean of a closed loop just before and one just after. */
  capacity_per_second: number;
  offered_per_second: number;
  goodput_per_second: number;
  goodput: number;
  refused: number;
  refused_without_retry_after: number;
  refused_p99_ms: number;
  other_answers: number;
  unanswered: number;
  /** Of what came for the first time and what came again. */
  arrived_per_second: number;
  /** Due, but held back by a sender that was told to wait. */
  held_back: number;
  /** Refused five times, as often as LiveKit tries. */
  given_up: number;
  memory_before_mib: number;
  memory_most_mib: number;
  drained_ms: number;
}

type HalfFigure = 'per_second' | 'ours_p50_ms' | 'ours_p99_ms' | 'bare_p50_ms' | 'bare_p99_ms';

/** Of the rounds of one overload. */
interface Rounds {
  times: number;
  goodput: number;
  /** Null: nothing was refused. */
  refused_p99_ms: number | null;
}

export interface Report extends Machine {
  bench: 'webhooks';
  pairs: { ours_per_second: number; bare_per_second: number; ratio: number }[];
  ratio: { median: number; least: number; most: number };
  /**
   * Of all pairs together, and the median of their rates: the machine's own pace changes within seconds. Whoever was not
   * stored counts as later than all others.
   */
  half: Record<HalfFigure, number> & {
    /** Of ours, whatever the answer was. */
    not_stored: number;
    pairs: Record<HalfFigure, number>[];
  };
  /** Several rounds of each, because the machine's own pace changes within a minute: its figures are the medians. */
  overload: Overload[];
}

export const round = (value: number): number => Number(value.toFixed(2));

export function webhooksText(report: Report): string {
  const { ratio, half, overload } = report;
  const table = new Table({
    head: [
      'times',
      'possible/s',
      'offered/s',
      'arrived/s',
      'good/s',
      'share',
      '503',
      '503 p99 ms',
      'held back',
      'given up',
      'MiB',
      'drained ms',
    ],
    style: { head: [] },
  });
  for (const one of overload) {
    table.push([
      one.times,
      one.capacity_per_second,
      one.offered_per_second,
      one.arrived_per_second,
      one.goodput_per_second,
      one.goodput,
      one.refused,
      Number.isNaN(one.refused_p99_ms) ? '-' : one.refused_p99_ms,
      one.held_back,
      one.given_up,
      `${one.memory_before_mib} → ${one.memory_most_mib}`,
      one.drained_ms,
    ]);
  }
  return [
    `acknowledged after commit, verified and deduplicated, against the bare route: ${ratio.median} x (${ratio.least} to ${ratio.most} in ${report.pairs.length} pairs)`,
    `at half of ours, ${half.per_second} a second for both, from when each was due, all pairs together: ours p50 ${half.ours_p50_ms} ms, p99 ${half.ours_p99_ms} ms; bare p50 ${half.bare_p50_ms} ms, p99 ${half.bare_p99_ms} ms; ${half.not_stored} of ours were refused, held back at the end or not answered, and count as a minute`,
    `in the median pair: ours p99 ${middle(half.pairs, 'ours_p99_ms')} ms, bare p99 ${middle(half.pairs, 'bare_p99_ms')} ms`,
    table.toString(),
    'as many queues as are offered in a second (of deliveries of 1,000 rooms, over 1,000 connections), each of which has one in flight and obeys Retry-After as LiveKit does; held back: due, but not stored before the end, because the queue was told to wait, and LiveKit would drop what had waited for 30 s; given up: refused five times; drained: from when no more became due',
    ...mediansOf(overload).map(
      ({ times, goodput, refused_p99_ms: refusedMs }) =>
        `at ${times} x, in the median of the rounds: goodput ${goodput}, 503 within ${refusedMs ?? '-'} ms at p99`,
    ),
    machineLine(report),
    '',
  ].join('\n');
}

function mediansOf(overload: Overload[]): Rounds[] {
  return [...new Set(overload.map(({ times }) => times))].map((times) => {
    const rounds = overload.filter((one) => one.times === times);
    const refusing = rounds.filter(({ refused }) => refused > 0);
    return {
      times,
      goodput: middle(rounds, 'goodput'),
      refused_p99_ms: refusing.length === 0 ? null : middle(refusing, 'refused_p99_ms'),
    };
  });
}

/** What was not measured is missed too: nothing compares with NaN. */
export function missed({ ratio, half, overload }: Report): string[] {
  const memoryBefore = overload[0]?.memory_before_mib ?? 0;
  return [
    ...(!(ratio.median >= FIGURES.ratio) ? [`the ratio is ${ratio.median}, not ≥ ${FIGURES.ratio}`] : []),
    ...(!(half.ours_p99_ms <= half.bare_p99_ms)
      ? [`p99 at half is ${half.ours_p99_ms} ms, the bare route's ${half.bare_p99_ms} ms`]
      : []),
    ...mediansOf(overload).flatMap(({ times, goodput, refused_p99_ms: refusedMs }) => [
      ...(goodput >= FIGURES.goodput
        ? []
        : [`goodput at ${times} x is ${goodput}, not ≥ ${FIGURES.goodput}`]),
      ...(refusedMs === null || refusedMs <= FIGURES.refusedWithinMs
        ? []
        : [`503 at ${times} x took ${refusedMs} ms at p99`]),
    ]),
    ...overload.flatMap((one) => [
      ...(one.refused_without_retry_after > 0
        ? [`${one.refused_without_retry_after} times 503 without Retry-After`]
        : []),
      ...(one.other_answers + one.unanswered > 0
        ? [`${one.other_answers} other answers and ${one.unanswered} without one at ${one.times} x`]
        : []),
      ...(one.memory_most_mib > memoryBefore * FIGURES.memory
        ? [`memory grew from ${memoryBefore} to ${one.memory_most_mib} MiB at ${one.times} x`]
        : []),
      ...(one.drained_ms > FIGURES.drainedWithinMs ? [`drained after ${one.drained_ms} ms`] : []),
    ]),
  ];
}

/** The median of one figure: what disturbs one measurement disturbs no verdict. */
export const middle = <K extends string>(measured: Record<K, number>[], figure: K): number =>
  percentile(
    measured.map((one) => one[figure]),
    0.5,
  );
