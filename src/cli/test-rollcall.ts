/** The command line: in this process, and as a shell runs it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import postgres from 'postgres';
import type { TestDatabase } from '../db/test-database.ts';
import { eventually } from '../local/local-test.ts';
import { run } from './run.ts';
import type { Shell } from './shell.ts';

export const CLI = join(import.meta.dirname, 'rollcall.ts');
/** Nothing of these is taken over from whoever runs the tests. */
const UNSET = {
  DATABASE_URL: '',
  DATABASE_SERVICE_URL: '',
  AUTH_JWT_SECRET: '',
  GOOGLE_SERVICE_ACCOUNT_KEY: '',
  TEMPORAL_ADDRESS: '',
  TEMPORAL_NAMESPACE: '',
  LIVEKIT_URL: '',
  LIVEKIT_API_KEY: '',
  LIVEKIT_API_SECRET: '',
  LIVEKIT_KEYS: '',
  // Neither there nor to be made: no local mode runs in it.
  ROLLCALL_DATA_DIR: '/dev/null/rollcall',
};

interface Ended {
  status: number;
  out: string;
  err: string;
}

/** A command in this process, which loads it once and not for every test. */
export async function rollcall(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const shell: Shell = { env: { ...UNSET, ...env }, stdout, stderr };
  await run(args, shell);
  stdout.end();
  stderr.end();
  return { status: Number(shell.exitCode ?? 0), out: await text(stdout), err: await text(stderr) };
}

/** A command as a shell runs it: its exit status, and its two outputs apart. Half a second, of which most is loading. */
export function spawnRollcall(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env: environment(env) };
    const child = execFile(process.execPath, [CLI, ...args], options, (_error, out, err) =>
      resolve({ status: child.exitCode ?? -1, out, err }),
    );
  });
}

/** For a process that is no concern of whoever runs the tests. */
export const environment = (env: Record<string, string>): NodeJS.ProcessEnv => ({
  ...process.env,
  ...UNSET,
  ...env,
});

/** A connection that a command leaves open keeps its process from ending, which nobody sees of one in this process. */
export async function noConnectionIsLeft({ ownerUrl }: TestDatabase): Promise<void> {
  const owner = postgres(ownerUrl, { max: 1 });
  // PostgreSQL notices a moment after the command has ended.
  await eventually('every command has closed its connections', async () => {
    const left = await owner`select pid from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend'
        and application_name <> 'rollcall-test' and pid <> pg_backend_pid()`;
    return left.length === 0;
  });
  await owner.end();
}
