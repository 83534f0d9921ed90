import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import type { Command } from 'commander';
import { describeMachine, machineLine } from './machine.ts';
import { residentMiB } from './process-usage.ts';
import { withRollcall } from './with-rollcall.ts';

/** Resident memory, MiB. */
const FIGURES = { server: 200, worker: 350 } as const;

export function addIdle(program: Command): void {
  program
    .command('idle')
    .description('resident memory of server and worker when nothing happens')
    .option('--seconds <seconds>', 'how long nothing happens before the look', Number, 60)
    .option('--json', 'print JSON')
    .action(idle);
}

async function idle({ seconds, json }: { seconds: number; json?: boolean }): Promise<void> {
  const result = await withRollcall(seconds * 1_000 + 30_000, async (rollcall, signal) => {
    const machine = await describeMachine(rollcall);
    await sleep(seconds * 1_000, undefined, { signal });
    const server = await residentMiB(rollcall.server.pid());
    const worker = await residentMiB(rollcall.worker.pid());
    return { bench: 'idle', ...machine(), idle_seconds: seconds, resident_mib: { server, worker } };
  });
  const { server, worker } = result.resident_mib;
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else {
    const table = new Table({ head: ['process', 'resident MiB', 'figure'], style: { head: [] } });
    table.push(['server', server, `≤ ${FIGURES.server}`], ['worker', worker, `≤ ${FIGURES.worker}`]);
    process.stdout.write(`${table}\n${machineLine(result)}\n`);
  }
  if (server > FIGURES.server || worker > FIGURES.worker) process.exitCode = 1;
}
