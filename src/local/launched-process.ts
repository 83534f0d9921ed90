import { createInterface } from 'node:readline';
import { spawnGuarded } from './guard.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import type { StopPlan } from './stop-process.ts';

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string | undefined;
  readonly stopPlan: StopPlan;
  onLine(line: string): void;
}

export interface Launched {
  readonly identity: ProcessIdentity | undefined;
  /** Resolves with an exit status, a signal, or why it could not be run. */
  readonly ended: Promise<string>;
}

/** Starts a process in a group of its own, guarded, and hands on each line that it writes. */
export function launch({ command, args, stopPlan, onLine, ...options }: Launch): Launched {
  const child = spawnGuarded(command, args, stopPlan, { ...options, output: 'pipe' });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (status, signal) => resolve(signal ?? `status ${status}`));
    child.once('error', (error) => resolve(error.message));
  });
  if (child.pid === undefined) return { identity: undefined, ended };
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', onLine);
  return { identity: identify(child.pid), ended };
}
