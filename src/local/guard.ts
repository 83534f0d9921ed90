import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

/**
 * Has the process, which must lead its own group (`detached: true`), ended when this one ends for any reason,
 * SIGKILL included. The last guarded is the first stopped. Call what is returned once it has ended.
 */
export function guardProcess(pid: number, plan: StopPlan): Release {
  const identity = identify(pid);
  return identity === undefined ? () => {} : keep((key) => ({ kind: 'process', key, identity, plan }));
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
