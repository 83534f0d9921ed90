import { availableParallelism, loadavg } from 'node:os';
import { Connection } from '@temporalio/client';
import postgres from 'postgres';
import packages from '../package.json' with { type: 'json' };
import type { LocalRollcall } from '../src/local/rollcall.ts';

/** What a figure depends on besides us; absolute figures of two machines say little about each other. */
export interface Machine {
  command: string;
  node: string;
  express: string;
  postgres_js: string;
  postgresql: string;
  temporal: string;
  cores: number;
  load_average_before: number;
  load_average_after: number;
}

/** Looks now, and at the load once more when the answer is called. */
export async function describeMachine(rollcall: LocalRollcall): Promise<() => Machine> {
  const before = {
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`,
    node: process.versions.node,
    express: packages.dependencies.express,
    postgres_js: packages.dependencies.postgres,
    postgresql: await postgresVersion(rollcall.databaseUrl),
    temporal: await temporalVersion(rollcall.temporalAddress),
    cores: availableParallelism(),
    load_average_before: loadPerMinute(),
  };
  return () => ({ ...before, load_average_after: loadPerMinute() });
}

const loadPerMinute = (): number => Number((loadavg()[0] ?? 0).toFixed(2));

async function postgresVersion(url: string): Promise<string> {
  const sql = postgres(url, { max: 1 });
  try {
    const [row] = await sql<{ server_version: string }[]>`show server_version`;
    return row?.server_version ?? 'unknown';
  } finally {
    await sql.end();
  }
}

async function temporalVersion(address: string): Promise<string> {
  const connection = await Connection.connect({ address });
  try {
    return (await connection.workflowService.getSystemInfo({})).serverVersion ?? 'unknown';
  } finally {
    await connection.close();
  }
}

export const machineLine = (machine: Machine): string =>
  `Node ${machine.node}, Express ${machine.express}, postgres.js ${machine.postgres_js}, PostgreSQL ${machine.postgresql}, Temporal server ${machine.temporal}, ${machine.cores} cores; load average ${machine.load_average_before} before, ${machine.load_average_after} after`;
