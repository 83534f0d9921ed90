import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  type SpawnOptions,
  type StdioOptions,
  spawn,
} from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onPath } from './on-path.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import type { StopPlan } from './stop-process.ts';

/** One line on the pipe to the guard process. */
export type GuardLine =
  | {
      readonly kind: 'process';
      readonly key: number;
      readonly identity: ProcessIdentity;
      readonly plan: StopPlan;
    }
  | { readonly kind: 'path'; readonly key: number; readonly path: string }
  | { readonly kind: 'release'; readonly key: number };

type Release = () => void;

// One for each Node process, because what it watches for is the end of this process.
let guard: ChildProcess | undefined;
let nextKey = 1;
const kept = new Map<number, GuardLine>();

type Place = Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid'>;

/**
 * A shell that waits for a line and becomes the command; when nobody is left to write it, it ends. Some shells keep
 * variables for themselves whose names are none of theirs (`a.b`), and add `PWD`.
 */
const WAIT = 'read -r ROLLCALL_GO && exec "$0" "$@"';

/**
 * Starts a process that leads a group of its own, and has it ended by `plan` when this one ends for any reason, SIGKILL
 * included; the last started is the first stopped. Nothing of it runs before the guard knows of it. It writes to this
 * process or to a file that is open, and has no standard input unless that is asked for. As with `spawn`, a command that
 * is not there is an `error` event and has no `pid`; one that is there and cannot be run says so and ends. Throws when the
 * process could not be told from another one later.
 */
export function spawnGuarded(
  command: string,
  args: readonly string[],
  plan: StopPlan,
  options: Place & { readonly output: 'pipe'; readonly input?: 'pipe' },
): ChildProcessWithoutNullStreams;
export function spawnGuarded(
  command: string,
  args: readonly string[],
  plan: StopPlan,
  options: Place & { readonly output: number },
): ChildProcess;
export function spawnGuarded(
  command: string,
  args: readonly string[],
  plan: StopPlan,
  options: Place & { readonly output: 'pipe' | number; readonly input?: 'pipe' },
): ChildProcess {
  const { output, input, ...place } = options;
  const stdio: StdioOptions = ['pipe', output, output];
  const [path] = onPath(command, place.env ?? process.env);
  if (path === undefined) return spawn(command, args, { ...place, stdio });
  const gate = input === undefined ? `${WAIT} </dev/null` : WAIT;
  const child = spawn('/bin/sh', ['-c', gate, path, ...args], { ...place, detached: true, stdio });
  // One that was ended meanwhile reads no more.
  child.stdin?.on('error', () => {});
  if (child.pid === undefined) return child;
  const identity = identify(child.pid);
  if (identity === undefined) {
    child.kill('SIGKILL');
    throw new Error(`nothing can be learned of process ${child.pid}, so nobody would end ${command}`);
  }
  const release = keep((key) => ({ kind: 'process', key, identity, plan }));
  // Not `exit`: what it started may hold its output open, and is of its group.
  child.once('close', release);
  child.stdin?.write('go\n');
  if (input === undefined) child.stdin?.end();
  return child;
}

/** Has a half-written path removed, after the guarded processes ended, when this process ends for any reason. */
export function guardPath(path: string): Release {
  return keep((key) => ({ kind: 'path', key, path }));
}

function keep(line: (key: number) => GuardLine): Release {
  const key = nextKey++;
  const entry = line(key);
  kept.set(key, entry);
  tell(entry);
  return () => {
    if (kept.delete(key)) tell({ kind: 'release', key });
  };
}

function tell(line: GuardLine): void {
  guard ??= startGuard();
  guard.stdin?.write(`${JSON.stringify(line)}\n`);
}

function startGuard(): ChildProcess {
  const script = fileURLToPath(new URL('./guard-process.ts', import.meta.url));
  // Its own session, so that Ctrl-C in the terminal does not reach it; at the root, so that it pins no directory.
  const child = spawn(process.execPath, [script], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  if (child.stdin !== null && 'unref' in child.stdin && typeof child.stdin.unref === 'function') {
    child.stdin.unref();
  }
  child.stdin?.on('error', () => {});
  child.once('exit', () => {
    guard = undefined;
    for (const line of kept.values()) tell(line);
  });
  return child;
}
