import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guardPath } from './guard.ts';
import type { PostgresHome } from './postgres-home.ts';
import type { Report } from './progress.ts';
import { runCommand } from './run-command.ts';

export const OWNER = 'rollcall_owner';
/** What server and worker log in as; `migrate` makes it. */
export const SERVICE = 'rollcall_service';

export interface Cluster {
  readonly directory: string;
  readonly password: string;
  readonly servicePassword: string;
}

/**
 * The initialised cluster and its password, made if need be. Both are prepared under another name and come to be by
 * one rename, so what is there is whole; the caller holds the lock.
 */
export async function openCluster(
  place: PostgresHome,
  report: Report,
  signal?: AbortSignal,
): Promise<Cluster> {
  const made = join(place.home, 'cluster');
  const unfinished = join(place.home, 'cluster.unfinished');
  rmSync(unfinished, { recursive: true, force: true });
  if (!existsSync(made)) {
    const release = guardPath(unfinished);
    try {
      await initialise(place, unfinished, report, signal);
      renameSync(unfinished, made);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
      release();
    }
  }
  const passwordFile = join(made, 'password');
  if (!existsSync(passwordFile)) {
    throw new Error(
      `${passwordFile} is missing, so nobody can log in to the PostgreSQL in ${made}. Put the file back, or move ${made} away to begin with an empty database.`,
    );
  }
  return {
    directory: join(made, 'data'),
    password: readFileSync(passwordFile, 'utf8').trim(),
    servicePassword: servicePassword(join(made, 'service-password')),
  };
}

// Unlike the owner's it can be made up anew at any time: every start gives it to the login again.
function servicePassword(file: string): string {
  if (!existsSync(file)) writeFileSync(file, newPassword(), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

const newPassword = (): string => `${randomBytes(24).toString('base64url')}\n`;

async function initialise(place: PostgresHome, target: string, report: Report, signal?: AbortSignal) {
  const step = 'Creating the PostgreSQL database';
  report({ kind: 'begin', step, detail: `once, in ${place.home}` });
  const { account } = place;
  const data = join(target, 'data');
  const passwordFile = join(target, 'password');
  // Passable, because below belongs to the account that PostgreSQL runs under.
  mkdirSync(target, { recursive: true, mode: 0o711 });
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, newPassword(), { mode: 0o600 });
  if (account.uid !== undefined && account.gid !== undefined) {
    chownSync(data, account.uid, account.gid);
    chownSync(passwordFile, account.uid, account.gid);
  }
  try {
    await runCommand(
      join(place.bin, 'initdb'),
      [
        `--pgdata=${data}`,
        `--username=${OWNER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // The same order of text on every machine, whatever its own locale is.
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
      ],
      { ...account, cwd: '/', signal },
    );
  } catch (error) {
    report({ kind: 'failed', step, detail: 'initdb did not succeed' });
    throw error;
  }
  report({ kind: 'end', step });
}
