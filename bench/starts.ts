/**
 * Do classes open in time? A thousand that start in the same instant, scheduled ahead, and then one a second that is
 * scheduled for now; beside them, in the same run and on the same PostgreSQL, a scan of a table every second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { openDatabase } from '../src/db/client.ts';
import type { LocalRollcall } from '../src/local/rollcall.ts';
import { describeMachine } from './machine.ts';
import { awaitOpenings, type Opening } from './openings.ts';
import {
  createScheduler,
  type Provider,
  type ScheduledClass,
  scheduleAhead,
  scheduleForNow,
} from './schedule-classes.ts';
import { startSqlScan } from './sql-scan.ts';
import { aheadFigures, nowFigures } from './starts-figures.ts';
import { missed, type StartsReport, startsText } from './starts-report.ts';
import { withRollcall } from './with-rollcall.ts';

/** The lead that holds out of the box; the first of the thousand opens so long before the start. */
const LEAD_MS = 60_000;
/** To schedule them before the first opens: half the speed of two cores that have more to do. */
const schedulingMs = (count: number): number => 5_000 + count * 40;
/** After so long a class that is not open counts as one that never will be. */
const PATIENCE_MS = 15_000;
const WITHIN_MS = 230_000;

interface Options {
  ahead: number;
  now: number;
  json?: boolean;
}

export function addStarts(program: Command): void {
  program
    .command('starts')
    .description('classes that open in time: a thousand at once, and one a second scheduled for now')
    .option('--ahead <n>', 'how many classes start in the same instant', atMost(2_000), 1_000)
    .option('--now <n>', 'how many are scheduled for now, one a second', atMost(70), 60)
    .option('--json', 'print JSON')
    .action(starts);
}

const atMost =
  (limit: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= limit) return value;
    throw new InvalidArgumentError(`expected a whole number from 1 to ${limit}.`);
  };

async function starts(options: Options): Promise<void> {
  const report = await withRollcall(WITHIN_MS, (rollcall, signal) => measure(rollcall, options, signal));
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : startsText(report));
  for (const what of missed(report)) {
    process.stderr.write(`missed: ${what}\n`);
    process.exitCode = 1;
  }
}

async function measure(
  rollcall: LocalRollcall,
  { ahead, now }: Options,
  signal: AbortSignal,
): Promise<StartsReport> {
  const machine = await describeMachine(rollcall);
  const db = openDatabase(rollcall.databaseUrl, 'rollcall-bench', 2);
  const scan = await startSqlScan(rollcall.ownerUrl);
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const opened = (classes: ScheduledClass[], untilMs: number): Promise<Opening[]> =>
    awaitOpenings(db, classes, { untilMs, signal });

  /** A class a second of one provider, the same ones in the scanned table. */
  const nowWith = async (provider: Provider, count: number) => {
    say(`Scheduling ${count} ${provider} classes for now, one a second.`);
    const schedule = await createScheduler(rollcall, provider, signal);
    const fromMs = Date.now();
    const classes = await scheduleForNow(schedule, count, { signal, onCall: (atMs) => scan.add(atMs) });
    const toMs = Date.now();
    const openings = await opened(classes, toMs + PATIENCE_MS);
    return nowFigures(classes, openings, await scan.openings(fromMs, toMs));
  };

  try {
    const startMs = Math.ceil((Date.now() + schedulingMs(ahead) + LEAD_MS) / 1_000) * 1_000;
    say(`Scheduling ${ahead} classes for ${new Date(startMs).toISOString()}.`);
    const sinceMs = Date.now();
    const schedule = await createScheduler(rollcall, 'whiteboard', signal);
    const [classes] = await Promise.all([scheduleAhead(schedule, ahead, startMs), scan.add(startMs, ahead)]);
    const tookMs = Date.now() - sinceMs;
    say(`Scheduled in ${(tookMs / 1_000).toFixed(1)} s; waiting for the start.`);
    await sleep(Math.max(0, startMs - Date.now()), undefined, { signal });
    const openings = await opened(classes, startMs + PATIENCE_MS);
    const whiteboard = await nowWith('whiteboard', now);
    const meet = await nowWith('meet', Math.ceil(now / 3));
    const scanned = await scan.openings(startMs, startMs);
    return {
      bench: 'starts',
      ...machine(),
      ahead: aheadFigures({ openings, scanned, tookMs, leadMs: LEAD_MS }),
      now: { whiteboard, meet },
    };
  } finally {
    await scan.stop();
    await db.close();
  }
}
