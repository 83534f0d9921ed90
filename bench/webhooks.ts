/**
 * Deliveries of LiveKit, verified, deduplicated and committed before they are acknowledged, beside the bare route that
 * every team writes first (bare-route.ts: Express and one INSERT a request), on one PostgreSQL with fsync on, in turns.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import postgres from 'postgres';
import { createApi } from '../src/cli/demo-api.ts';
import { freePort } from '../src/local/free-port.ts';
import { createProcesses } from '../src/local/processes.ts';
import type { LocalRollcall } from '../src/local/rollcall.ts';
import { type Load, load, madeBefore } from './http-load.ts';
import { describeMachine } from './machine.ts';
import { percentile } from './percentiles.ts';
import { untilIdle, watchMemory } from './process-usage.ts';
import { type BenchRoom, signedDeliveries } from './signed-deliveries.ts';
import {
  FIGURES,
  middle,
  missed,
  type Overload,
  type Report,
  round,
  webhooksText,
} from './webhooks-report.ts';
import { withRollcall } from './with-rollcall.ts';

const PATH = '/webhooks/livekit';
const KEY = { apiKey: 'APIofTheBench', secret: 'a-secret-of-the-bench-of-more-than-thirty-two' };
/** So many that the events of one stay those of a class. */
const ROOMS = 1_000;
/** At once. In the closed loop fewer than the server takes in, so that none is refused. */
const CONNECTIONS = { closed: 300, open: ROOMS };

/** For each second. What is made only when it is sent takes the cores from those who are measured. */
const MADE_BEFORE = 16_000;

/** Of whoever is refused or never answered: later than anybody who is stored. */
const NOT_STORED_MS = 60_000;

/** Of PostgreSQL's log, 16 MB each. */
const LOG_FILES = 64;

const OVERLOAD_ROUNDS = 5;
/** Until both have met everybody and compiled what they need. */
const WARM_UP_MS = 5_000;

interface Options {
  pairs: number;
  seconds: number;
  overload: number;
  json?: boolean;
}

const wholeFrom =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= 120) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to 120.`);
  };

export function addWebhooks(program: Command): void {
  program
    .command('webhooks')
    .description(
      'acknowledged deliveries of LiveKit a second beside a bare Express route, and what overload does; needs some 20 GB of disk meanwhile',
    )
    .option('--pairs <n>', 'how often each of both is measured, in turns', wholeFrom(1), 20)
    .option('--seconds <s>', 'how long each time', wholeFrom(1), 2)
    .option(
      '--overload <s>',
      'how long 1.5 and 5 times of what is possible are sent, each in five rounds',
      wholeFrom(1),
      60,
    )
    .option('--json', 'print JSON')
    .action(webhooks);
}

async function webhooks(options: Options): Promise<void> {
  // Each pair is measured at full load and, for twice as long, at half of it; what is sent is made before.
  const withinMs =
    options.pairs * (options.seconds * 6_000 + 10_000) +
    OVERLOAD_ROUNDS * 2 * (options.overload * 4_000 + 20_000) +
    240_000;
  const env = {
    LIVEKIT_URL: 'ws://127.0.0.1:1',
    LIVEKIT_API_KEY: KEY.apiKey,
    LIVEKIT_API_SECRET: KEY.secret,
  };
  const report = await withRollcall(withinMs, (rollcall, signal) => measure(rollcall, options, signal), env);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : webhooksText(report));
  for (const what of missed(report)) {
    process.stderr.write(`missed: ${what}\n`);
    process.exitCode = 1;
  }
}

async function measure(rollcall: LocalRollcall, options: Options, signal: AbortSignal): Promise<Report> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const machine = await describeMachine(rollcall);
  const processes = createProcesses({ write: say, signal });
  const housekeeping = await createHousekeeping(rollcall.ownerUrl);
  try {
    const barePort = await freePort();
    await processes.start({
      name: 'bare',
      args: [join(import.meta.dirname, 'bare-route.ts'), rollcall.ownerUrl, String(barePort)],
      cwd: process.cwd(),
      ready: { line: /bare route ready/ },
    });
    const request = signedDeliveries(PATH, KEY, await scheduleRooms(rollcall));
    const ports = { ours: Number(new URL(rollcall.apiUrl).port), bare: barePort };
    const forMs = options.seconds * 1_000;
    const prepared = async (rate: number, ms: number): Promise<() => Buffer> => {
      const made = madeBefore(request, Math.ceil((rate * ms) / 1_000));
      await housekeeping.done();
      return made;
    };
    const full = async (whose: Side, fullMs = forMs): Promise<number> =>
      perSecond(
        await load({
          port: ports[whose],
          connections: CONNECTIONS.closed,
          forMs: fullMs,
          request: await prepared(MADE_BEFORE, fullMs),
          signal,
        }),
      );
    const atRate = async (whose: Side, rate: number): Promise<Load> =>
      await load({
        port: ports[whose],
        connections: CONNECTIONS.open,
        forMs: forMs * 2,
        request: await prepared(rate, forMs * 2),
        rate,
        signal,
      });

    say('Waiting until the workflows have begun to sleep.');
    // Starting a thousand workflows takes both cores for half a minute.
    await untilIdle(rollcall.worker.pid(), signal);
    say('Warming up.');
    await full('ours', WARM_UP_MS);
    await full('bare', WARM_UP_MS);
    const pairs: Report['pairs'] = [];
    const half: Report['half']['pairs'] = [];
    const all: Record<Side, number[]> = { ours: [], bare: [] };
    let notStored = 0;
    for (let n = 0; n < options.pairs; n++) {
      const { ours, bare } = await inTurns(n, full);
      pairs.push({ ours_per_second: ours, bare_per_second: bare, ratio: round(ours / bare) });
      // Of what was possible just now, with ours as above: the machine's own pace changes within minutes.
      const rate = Math.round(ours / 2);
      const found = await inTurns(n, async (whose) => {
        const sent = await atRate(whose, rate);
        const late = latencies(sent);
        if (whose === 'ours') notStored += late.filter((ms) => ms === NOT_STORED_MS).length;
        return late;
      });
      const figures = latencyFigures(found);
      half.push({ per_second: rate, ...figures });
      for (const whose of ['ours', 'bare'] as const) all[whose] = all[whose].concat(found[whose]);
      say(
        `pair ${n + 1}: ${ours} against ${bare} a second, ${round(ours / bare)} x; p99 at half, ${rate} a second: ` +
          `${figures.ours_p99_ms} against ${figures.bare_p99_ms} ms`,
      );
    }
    const ratios = pairs.map(({ ratio }) => ratio);
    // Before and after each overload, because the machine's own pace changes within minutes, and each as long as the overload:
    // whoever begins on a vacuumed database is faster in the first half minute than later.
    const overloadMs = options.overload * 1_000;
    let before = await full('ours', overloadMs);
    const overload: Overload[] = [];
    for (const times of Array.from({ length: OVERLOAD_ROUNDS }, () => [1.5, 5]).flat()) {
      const offered = Math.round(before * times);
      say(`${offered} a second, ${times} times of what is possible, for ${options.overload} s.`);
      const found = await overloaded({
        rollcall,
        request: await prepared(MADE_BEFORE, overloadMs),
        signal,
        offered,
        forMs: overloadMs,
      });
      const after = await full('ours', overloadMs);
      const capacity = Math.round((before + after) / 2);
      before = after;
      overload.push({
        times,
        capacity_per_second: capacity,
        goodput: round(found.goodput_per_second / capacity),
        ...found,
      });
    }
    return {
      bench: 'webhooks',
      ...machine(),
      pairs,
      ratio: { median: percentile(ratios, 0.5), least: Math.min(...ratios), most: Math.max(...ratios) },
      half: {
        per_second: middle(half, 'per_second'),
        not_stored: notStored,
        pairs: half,
        ...latencyFigures(all),
      },
      overload,
    };
  } finally {
    await housekeeping.end();
    await processes.stop();
  }
}

/**
 * What a database does of itself it does before each run, for both alike: a vacuum of some hundred thousand new rows writes more
 * log than they did (80,000 pages, where a run of half a minute writes 450 MB), and would strike one of two that are compared.
 * A database that has been in use gives the files of its log other names when it needs new ones; a fresh one makes each
 * first, 16 MB of zeros, and nobody commits meanwhile (20 ms on a fast disk, for each 12,000 deliveries).
 */
async function createHousekeeping(
  ownerUrl: string,
): Promise<{ done(): Promise<void>; end(): Promise<void> }> {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => {} });
  await sql`alter system set autovacuum = off`;
  // No checkpoint begins within a minute of load, and its log fits into the files that are kept.
  await sql`alter system set max_wal_size = '4GB'`;
  await sql`alter system set min_wal_size = '1GB'`;
  await sql`select pg_reload_conf()`;
  for (let n = 0; n < LOG_FILES; n++) {
    await sql`select pg_logical_emit_message(false, 'bench', 'a file is left only where something is in it')`;
    await sql`select pg_switch_wal()`;
  }
  return {
    async done() {
      await sql`vacuum analyze`;
      await sql`checkpoint`;
    },
    end: () => sql.end(),
  };
}

/** Classes of the next hour, whose workflows sleep. */
async function scheduleRooms(rollcall: LocalRollcall): Promise<BenchRoom[]> {
  const api = await createApi(rollcall);
  const rooms: BenchRoom[] = [];
  const one = async (n: number): Promise<void> => {
    const scheduled = await api.send<{ class_id: string; room_name: string }>('POST', '/api/schedule/class', {
      teacher_email: `teacher-${n}@school.example`,
      student_emails: [`amal-${n}@school.example`, `basil-${n}@school.example`],
      subject: 'Bench',
      provider: 'livekit',
      start_time: new Date(Date.now() + 3_600_000).toISOString(),
      duration_minutes: 40,
    });
    const { roster } = await api.get<{ roster: { person_id: string }[] }>(
      `/api/classes/${scheduled.class_id}`,
    );
    rooms.push({ room: scheduled.room_name, people: roster.map((person) => person.person_id) });
  };
  for (let n = 0; n < ROOMS; n += 20) await Promise.all(Array.from({ length: 20 }, (_, k) => one(n + k)));
  return rooms;
}

async function overloaded({
  rollcall,
  request,
  signal,
  offered,
  forMs,
}: {
  rollcall: LocalRollcall;
  request: () => Buffer;
  signal: AbortSignal;
  offered: number;
  forMs: number;
}): Promise<Omit<Overload, 'times' | 'capacity_per_second' | 'goodput'>> {
  const port = Number(new URL(rollcall.apiUrl).port);
  const memory = watchMemory(rollcall.server.pid());
  const before = await memory.now();
  const sent = await load({
    port,
    connections: CONNECTIONS.open,
    // LiveKit sends what comes of one room in turn, so that more comes of more rooms: of each one a second, which is much.
    rooms: Math.max(ROOMS, offered),
    forMs,
    request,
    rate: offered,
    signal,
  });
  const most = await memory.stop();
  const endedMs = sent.startMs + forMs;
  for (;;) {
    const probe = await load({ port, connections: 1, forMs: 1, request, signal });
    const [answer] = probe.answers;
    if (answer?.status === 200 && answer.doneMs - answer.sentMs < 100) break;
    if (performance.now() - endedMs > FIGURES.drainedWithinMs * 2) break;
    await sleep(50);
  }
  const refused = sent.answers.filter(({ status }) => status === 503);
  const good = sent.answers.filter(({ status }) => status === 200);
  return {
    offered_per_second: offered,
    goodput_per_second: perSecond(sent),
    refused: refused.length,
    refused_without_retry_after: refused.filter(({ retryAfter }) => retryAfter === null).length,
    refused_p99_ms: round(
      percentile(
        refused.map(({ doneMs, sentMs }) => doneMs - sentMs),
        0.99,
      ),
    ),
    other_answers: sent.answers.length - refused.length - good.length,
    unanswered: sent.unanswered,
    arrived_per_second: Math.round(sent.answers.length / (forMs / 1_000)),
    held_back: sent.heldBack,
    given_up: sent.givenUp,
    memory_before_mib: before,
    memory_most_mib: most,
    drained_ms: Math.round(performance.now() - endedMs),
  };
}

const perSecond = ({ answers, startMs, forMs }: Load): number => {
  const good = answers.filter(({ status, doneMs }) => status === 200 && doneMs - startMs <= forMs);
  return Math.round(good.length / (forMs / 1_000));
};

type Side = 'ours' | 'bare';

/** Whoever is first changes, so that nothing that grows is to the cost of one. */
async function inTurns<T>(turn: number, measured: (whose: Side) => Promise<T>): Promise<Record<Side, T>> {
  const oursFirst = turn % 2 === 0;
  const first = await measured(oursFirst ? 'ours' : 'bare');
  const second = await measured(oursFirst ? 'bare' : 'ours');
  return oursFirst ? { ours: first, bare: second } : { ours: second, bare: first };
}

/**
 * From when each was due; the first second, in which a thousand connections send for the first time, is left out. What waits behind
 * one that was refused is not stored either.
 */
const latencies = ({ answers, startMs, unanswered, heldBack }: Load): number[] => {
  const fromMs = startMs + 1_000;
  const all = answers
    .filter(({ dueMs }) => dueMs >= fromMs)
    .map(({ status, doneMs, dueMs }) => (status === 200 ? doneMs - dueMs : NOT_STORED_MS));
  return all.concat(Array.from({ length: unanswered + heldBack }, () => NOT_STORED_MS));
};

const latencyFigures = ({ ours, bare }: Record<Side, number[]>) => ({
  ours_p50_ms: round(percentile(ours, 0.5)),
  ours_p99_ms: round(percentile(ours, 0.99)),
  bare_p50_ms: round(percentile(bare, 0.5)),
  bare_p99_ms: round(percentile(bare, 0.99)),
});
