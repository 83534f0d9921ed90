import Table from 'cli-table3';
import { type Machine, machineLine } from './machine.ts';
import type { Latency } from './percentiles.ts';
import type { AheadFigures, NowFigures } from './starts-figures.ts';

export interface StartsReport extends Machine {
  bench: 'starts';
  ahead: AheadFigures;
  now: { whiteboard: NowFigures; meet: NowFigures };
}

/** The promise for classes that are not scheduled ahead. */
const NOW_P99_MS = 500;

/** What of our promises does not hold in this run. */
export function missed({ ahead, now }: StartsReport): string[] {
  const found = ahead.late > 0 ? [`${ahead.late} of ${ahead.count} classes opened after their start`] : [];
  for (const [provider, { rollcall, never_opened: never }] of Object.entries(now)) {
    if (never > 0) found.push(`${never} ${provider} classes scheduled for now were never opened`);
    if (rollcall.p99_ms > NOW_P99_MS) {
      found.push(`p99 of ${provider} classes scheduled for now is ${rollcall.p99_ms} ms, not ${NOW_P99_MS}`);
    }
  }
  return found;
}

export const startsText = (report: StartsReport): string =>
  [
    `${report.command}\n${machineLine(report)}\n`,
    `${report.ahead.count} classes with the same start, scheduled ahead (in ${s(report.ahead.scheduled_in_ms)}), open lead ${s(report.ahead.lead_ms)}`,
    aheadTable(report.ahead),
    `Before its start: min ${s(report.ahead.margin.min_ms)}, p1 ${s(report.ahead.margin.p1_ms)}, p50 ${s(report.ahead.margin.p50_ms)}; first to last ${s(report.ahead.spread_ms)}; behind the planned instant: ${inWords(report.ahead.behind_plan)}.\n`,
    'Classes scheduled for now, one a second: from the start, which is the call, to the opening as stored',
    nowTable(report.now),
    `The API answered after ${inWords(report.now.whiteboard.api_answer)} (whiteboard), ${inWords(report.now.meet.api_answer)} (meet).\n`,
    ...NOTES,
    '',
  ].join('\n');

const NOTES = [
  'Provider whiteboard: it needs no Meet space, and Google gives a hundred a minute, so that with meet the quota would be',
  'measured. The meet row shows that opening does not wait for the space; Google is played by the simulator.',
  'SQL scan: `select … for update skip locked` and one update for all that is due, each second, in a table of its own.',
  'Two-minute poll: computed, its phase uniform. Both open at the start at the earliest; neither looks ahead.',
];

function aheadTable({
  count,
  late,
  busiest_second: busiest,
  margin,
  sql_scan: scan,
  two_minute_poll: poll,
}: AheadFigures) {
  const table = new Table({
    head: ['', 'late', 'worst against the start', 'busiest second'],
    style: { head: [] },
  });
  const of = (n: number): string => `${n} of ${count}`;
  table.push(
    ['Rollcall', of(late), late > 0 ? s(-margin.min_ms) : `${s(margin.min_ms)} before`, `${busiest}`],
    ['SQL scan each second', of(scan.late), `${s(scan.max_ms)} after`, `${scan.busiest_second}`],
    ['two-minute poll', of(poll.late), `${s(poll.max_ms)} after`, of(count)],
  );
  return table.toString();
}

function nowTable({ whiteboard, meet }: StartsReport['now']): string {
  const table = new Table({
    head: ['', 'classes', 'p50', 'p99', 'max', 'p99 against Rollcall'],
    style: { head: [] },
  });
  const row = (name: string, { count, p50_ms, p99_ms, max_ms }: Latency, ratio: string): string[] => [
    name,
    String(count),
    s(p50_ms),
    s(p99_ms),
    s(max_ms),
    ratio,
  ];
  table.push(
    row('Rollcall, whiteboard', whiteboard.rollcall, '1'),
    row('Rollcall, meet without a code', meet.rollcall, ''),
    row('SQL scan each second', whiteboard.sql_scan, `${whiteboard.ratio_p99.sql_scan} ×`),
    row('two-minute poll', whiteboard.two_minute_poll, `${whiteboard.ratio_p99.two_minute_poll} ×`),
  );
  return table.toString();
}

const s = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
const inWords = ({ p50_ms, p99_ms, max_ms }: Latency): string =>
  `p50 ${s(p50_ms)}, p99 ${s(p99_ms)}, max ${s(max_ms)}`;
