import type { SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { spawnGuarded } from './guard.ts';
import { identify } from './process-identity.ts';
import { type StopPlan, stopProcess } from './stop-process.ts';

export interface RunOptions extends Pick<SpawnOptions, 'cwd' | 'env' | 'uid' | 'gid'> {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  readonly onLine?: (line: string) => void;
}

export class CommandFailed extends Error {
  readonly code = 'command_failed';
}

const KEPT_LINES = 30;
// What a command of set-up leaves is thrown away, so it has nothing to put in order.
const soon: StopPlan = [{ signal: 'SIGTERM', waitMs: 2_000 }];

/**
 * Runs a command to its end, in a group of its own, and gives back its output. Nothing of it stays behind when it
 * is aborted, exceeds `timeoutMs` (milliseconds) or this process dies. Throws `CommandFailed` with its last lines.
 */
export async function runCommand(command: string, args: readonly string[], options: RunOptions = {}) {
  const { signal, timeoutMs, onLine, ...spawnOptions } = options;
  signal?.throwIfAborted();
  const child = spawnGuarded(command, args, soon, { ...spawnOptions, output: 'pipe' });
  const lines: string[] = [];
  const take = (line: string) => {
    lines.push(line);
    onLine?.(line);
  };
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', take);
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  // Settled below; without this an early throw would leave a rejection that nobody handles.
  ended.catch(() => {});
  if (child.pid === undefined) await ended;
  const identity = identify(child.pid ?? 0);
  const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const enough = AbortSignal.any([signal, limit].filter((each) => each !== undefined));
  const stop = () => identity && void stopProcess(identity, soon);
  enough.addEventListener('abort', stop, { once: true });
  try {
    const [code, killedBy] = await ended;
    signal?.throwIfAborted();
    if (limit?.aborted)
      throw failure(`did not end within ${Number(timeoutMs) / 1000} s`, command, args, lines);
    if (code !== 0) throw failure(`ended with ${killedBy ?? `status ${code}`}`, command, args, lines);
    return lines.join('\n');
  } finally {
    enough.removeEventListener('abort', stop);
  }
}

function failure(what: string, command: string, args: readonly string[], lines: readonly string[]) {
  const said = lines.slice(-KEPT_LINES).join('\n');
  return new CommandFailed(`\`${[command, ...args].join(' ')}\` ${what}${said === '' ? '' : `:\n${said}`}`);
}
