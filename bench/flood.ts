/**
 * Three thousand people come to a hundred classes within a minute, whose workflows look into their rooms on a real
 * LiveKit. That they came is told here and not by LiveKit, which has the rooms and nobody in them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import type { Command } from 'commander';
import postgres from 'postgres';
import { createApi } from '../src/cli/demo-api.ts';
import type { LocalRollcall } from '../src/local/rollcall.ts';
import { load } from './http-load.ts';
import { describeMachine, machineLine } from './machine.ts';
import { percentile } from './percentiles.ts';
import { type BenchRoom, signedDeliveries } from './signed-deliveries.ts';
import { withRollcall } from './with-rollcall.ts';

const ROOMS = 100;
/** Of a room, its teacher too. */
const PEOPLE = 30;
const JOINS = ROOMS * PEOPLE;
const FOR_MS = 60_000;
const FIGURE_MS = 100;
/** Half of it to schedule them, then their lead: all are open before the start, when each workflow looks into its room. */
const STARTS_IN_MS = 20_000;
const ENV = { ROLLCALL_OPEN_LEAD_SECONDS: '10' };

export function addFlood(program: Command): void {
  program
    .command('flood')
    .description(
      'how soon 3,000 joins of 100 LiveKit classes within a minute are answered, and that none is lost',
    )
    .option('--json', 'print JSON')
    .action(flood);
}

async function flood({ json }: { json?: boolean }): Promise<void> {
  const found = await withRollcall(FOR_MS + 180_000, measure, ENV, { livekit: true });
  if (json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else {
    const table = new Table({ head: ['3,000 joins', 'measured', 'figure'], style: { head: [] } });
    table.push(
      ['p50 ms', found.p50_ms, ''],
      ['p99 ms', found.p99_ms, `≤ ${FIGURE_MS}`],
      ['most ms', found.most_ms, ''],
      ['not 200', found.not_200, '0'],
      ['lost', found.lost, '0'],
      ['rooms looked into meanwhile', found.rooms_looked_into, ROOMS],
    );
    process.stdout.write(`${table}\n${found.looks} looks; ${machineLine(found)}\n`);
  }
  const missed = [
    // What was not measured is missed too: nothing compares with NaN.
    ...(found.p99_ms <= FIGURE_MS ? [] : [`p99 is ${found.p99_ms} ms, not ≤ ${FIGURE_MS}`]),
    ...(found.not_200 > 0
      ? [`${found.not_200} joins were not answered with 200: ${JSON.stringify(found.answers)}`]
      : []),
    ...(found.lost > 0 ? [`${found.lost} joins were lost`] : []),
    ...(found.rooms_looked_into < ROOMS ? [`only ${found.rooms_looked_into} rooms were looked into`] : []),
  ];
  for (const what of missed) process.stderr.write(`missed: ${what}\n`);
  if (missed.length > 0) process.exitCode = 1;
}

async function measure(rollcall: LocalRollcall, signal: AbortSignal) {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const machine = await describeMachine(rollcall);
  const sql = postgres(rollcall.ownerUrl, { max: 1 });
  try {
    const rooms = await scheduleRooms(rollcall);
    say('Waiting until the classes are open.');
    await untilOpen(sql, signal);
    say(`${JOINS} people come within ${FOR_MS / 1_000} s.`);
    const { livekitApiKey: apiKey = '', livekitApiSecret: secret = '' } = rollcall;
    const sinceMs = Date.now();
    const sent = await load({
      port: Number(new URL(rollcall.apiUrl).port),
      // One in flight for each room, as LiveKit does it: the next one of a room is due two seconds later.
      connections: ROOMS,
      forMs: FOR_MS,
      request: signedDeliveries('/webhooks/livekit', { apiKey, secret }, rooms),
      rate: JOINS / (FOR_MS / 1_000),
      signal,
    });
    const joined = await sql<{ n: number }[]>`select count(distinct connection)::int as n from events
      where kind = 'joined' group by class_id`;
    const [looked] = await sql<{ looks: number; rooms: number }[]>`
      select count(*)::int as looks, count(distinct class_id)::int as rooms from sweeps
      where ok and at between ${new Date(sinceMs)} and ${new Date(sinceMs + FOR_MS)}`;
    const answers: Record<string, number> = { unanswered: sent.unanswered, held_back: sent.heldBack };
    for (const { status } of sent.answers) answers[status] = (answers[status] ?? 0) + 1;
    const latencies = sent.answers.map(({ dueMs, doneMs }) => doneMs - dueMs);
    return {
      bench: 'flood',
      ...machine(),
      joins: JOINS,
      p50_ms: round(percentile(latencies, 0.5)),
      p99_ms: round(percentile(latencies, 0.99)),
      most_ms: round(percentile(latencies, 1)),
      answers,
      not_200: JOINS - (answers[200] ?? 0),
      lost: JOINS - joined.reduce((sum, { n }) => sum + Math.min(n, PEOPLE), 0),
      looks: looked?.looks ?? 0,
      rooms_looked_into: looked?.rooms ?? 0,
    };
  } finally {
    await sql.end();
  }
}

const round = (value: number): number => Number(value.toFixed(1));

/** Classes of an hour, each with people of its own, that start in the same instant. */
async function scheduleRooms(rollcall: LocalRollcall): Promise<BenchRoom[]> {
  const api = await createApi(rollcall);
  const startMs = Date.now() + STARTS_IN_MS;
  const one = async (n: number): Promise<BenchRoom> => {
    const scheduled = await api.send<{ class_id: string; room_name: string }>('POST', '/api/schedule/class', {
      teacher_email: `teacher-${n}@school.example`,
      student_emails: Array.from({ length: PEOPLE - 1 }, (_, k) => `student-${n}-${k}@school.example`),
      subject: 'Bench',
      provider: 'livekit',
      start_time: new Date(startMs).toISOString(),
      duration_minutes: 60,
    });
    const { roster } = await api.get<{ roster: { person_id: string }[] }>(
      `/api/classes/${scheduled.class_id}`,
    );
    return { room: scheduled.room_name, people: roster.map((person) => person.person_id) };
  };
  const rooms: BenchRoom[] = [];
  for (let n = 0; n < ROOMS; n += 10) {
    rooms.push(...(await Promise.all(Array.from({ length: 10 }, (_, k) => one(n + k)))));
  }
  return rooms;
}

async function untilOpen(sql: postgres.Sql, signal: AbortSignal): Promise<void> {
  for (;;) {
    const [row] = await sql`select count(*)::int as n from classes where status = 'open'`;
    if (row?.n === ROOMS) return;
    await sleep(250, undefined, { signal });
  }
}
