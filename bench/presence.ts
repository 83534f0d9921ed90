/** Three thousand people at whiteboards, each with a heartbeat every 15 s, on one server: what they cost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import Table from 'cli-table3';
import type { Command } from 'commander';
import type { LocalRollcall } from '../src/local/rollcall.ts';
import { classWorkflowId } from '../src/temporal/class-workflows.ts';
import { describeMachine, machineLine } from './machine.ts';
import { cpuSeconds, residentMiB, untilIdle, watchMemory } from './process-usage.ts';
import { countStatements } from './statements.ts';
import { CROWD_TENANT, type CrowdClass, gather, scheduleCrowd } from './whiteboard-crowd.ts';
import { withRollcall } from './with-rollcall.ts';

const SOCKETS = 3_000;
const CLASSES = 100;
const FIGURES = { residentMiB: 250, core: 0.3, statements: 15 };

export function addPresence(program: Command): void {
  program
    .command('presence')
    .description('memory, processor and statements of one server with 3,000 people at whiteboards')
    .option('--seconds <s>', 'how long they are measured', Number, 60)
    .option('--json', 'print JSON')
    .action(presence);
}

async function presence({ seconds, json }: { seconds: number; json?: boolean }): Promise<void> {
  const found = await withRollcall(seconds * 1_000 + 240_000, async (rollcall, signal) => {
    const say = (line: string): void => void process.stderr.write(`${line}\n`);
    const machine = await describeMachine(rollcall);
    const classes = await scheduleCrowd(rollcall, {
      classes: CLASSES,
      people: SOCKETS / CLASSES,
      startsInMs: 50_000,
    });
    say('Waiting until the classes are open and their workflows have nothing to do.');
    await sleep(50_000, undefined, { signal });
    await untilIdle(rollcall.worker.pid(), signal);
    const pid = rollcall.server.pid();
    const idle = await residentMiB(pid);
    say(`${SOCKETS} people come.`);
    const crowd = await gather(rollcall, classes, signal);
    await sleep(20_000, undefined, { signal });
    say(`Measuring for ${seconds} s.`);
    const history = await historyLength(rollcall, classes);
    const statements = await countStatements(rollcall.ownerUrl);
    const memory = watchMemory(pid);
    const [cpu, beats, startedMs] = [await cpuSeconds(pid), crowd.beats, performance.now()];
    await sleep(seconds * 1_000, undefined, { signal });
    const tookSeconds = (performance.now() - startedMs) / 1_000;
    const core = ((await cpuSeconds(pid)) - cpu) / tookSeconds;
    const asked = await statements.stop();
    const most = await memory.stop();
    const result = {
      bench: 'presence',
      ...machine(),
      sockets: crowd.connected,
      lost: crowd.lost,
      heartbeats_per_second: round((crowd.beats - beats) / tookSeconds),
      resident_mib: { idle, most, above: most - idle },
      core: round(core),
      statements_per_second: round(asked.total / tookSeconds),
      statements_by_process: asked.byProcess,
      history_events: (await historyLength(rollcall, classes)) - history,
    };
    await crowd.leave();
    return result;
  });
  process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : text(found));
  const missed = [
    ...(found.sockets < SOCKETS ? [`${SOCKETS - found.sockets} sockets were lost`] : []),
    ...(found.resident_mib.above > FIGURES.residentMiB ? [`${found.resident_mib.above} MiB above idle`] : []),
    ...(found.core > FIGURES.core ? [`${found.core} of a core`] : []),
    ...(found.statements_per_second > FIGURES.statements
      ? [`${found.statements_per_second} statements a second`]
      : []),
    ...(found.history_events > 0 ? [`${found.history_events} events of history`] : []),
  ];
  for (const what of missed) process.stderr.write(`missed: ${what}\n`);
  if (missed.length > 0) process.exitCode = 1;
}

const round = (value: number): number => Number(value.toFixed(2));

/** Of all classes together. */
async function historyLength(
  { temporalAddress }: LocalRollcall,
  classes: readonly CrowdClass[],
): Promise<number> {
  const connection = await Connection.connect({ address: temporalAddress });
  try {
    const client = new Client({ connection });
    let total = 0;
    for (const { classId } of classes) {
      const handle = client.workflow.getHandle(classWorkflowId({ tenantId: CROWD_TENANT, classId }));
      total += (await handle.describe()).historyLength;
    }
    return total;
  } finally {
    await connection.close();
  }
}

function text(found: Parameters<typeof machineLine>[0] & Record<string, unknown>): string {
  const { resident_mib: mib } = found as { resident_mib?: { above: number } };
  const table = new Table({ head: ['3,000 people', 'measured', 'figure'], style: { head: [] } });
  table.push(
    ['resident MiB above idle', mib?.above ?? 0, `≤ ${FIGURES.residentMiB}`],
    ['of one core', String(found.core), `≤ ${FIGURES.core}`],
    ['statements a second', String(found.statements_per_second), `≤ ${FIGURES.statements}`],
    ['events of history', String(found.history_events), '0'],
  );
  return `${table}\n${machineLine(found)}\n`;
}
