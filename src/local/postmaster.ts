import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { poll } from './poll.ts';

// A guard that is just ending it needs at most so long (postgresStop).
const ENDING_WITHIN_MS = 17_000;

/**
 * Removes the `postmaster.pid` that a killed PostgreSQL left. PostgreSQL does so by itself unless the id in it was
 * given to another process since, which it takes for a running server. Waits for a server whose Rollcall is gone,
 * because its guard is ending it, and throws when it stays.
 */
export async function clearStalePidFile(dataDirectory: string, signal?: AbortSignal): Promise<void> {
  const file = join(dataDirectory, 'postmaster.pid');
  const pid = recordedPid(file);
  if (pid === undefined) return;
  if (!(await poll(() => !isPostmasterOf(pid, dataDirectory), ENDING_WITHIN_MS, signal))) {
    throw new Error(
      `Another PostgreSQL (process ${pid}) runs on ${dataDirectory}. Stop it (\`kill -INT ${pid}\`), or set ROLLCALL_DATA_DIR to another directory.`,
    );
  }
  rmSync(file, { force: true });
}

/**
 * Whether the server accepts connections, as `pg_ctl` finds it out: the file says so in its last line. Connecting would
 * ask whoever holds the port.
 */
export function isPostmasterReady(dataDirectory: string, pid: number): boolean {
  const file = join(dataDirectory, 'postmaster.pid');
  if (recordedPid(file) !== pid) return false;
  return readFileSync(file, 'utf8').split('\n')[7]?.trim() === 'ready';
}

function recordedPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8').split('\n', 1)[0]);
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

// The first thing a postmaster does is to go to its data directory.
function isPostmasterOf(pid: number, dataDirectory: string): boolean {
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === dataDirectory;
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(
      dataDirectory,
    );
  } catch {
    return false;
  }
}
