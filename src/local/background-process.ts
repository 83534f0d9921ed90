import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { spawnGuarded } from './guard.ts';
import { identify, type ProcessIdentity } from './process-identity.ts';
import { type StopPlan, stopProcess } from './stop-process.ts';

export interface BackgroundProcess {
  readonly identity: ProcessIdentity;
  /** Resolves with how it ended: an exit status or a signal. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  /** The end of what it wrote, for the message about a start that failed. */
  lastLines(): string;
  stop(): Promise<void>;
}

const KEPT_LINES = 15;

/** Starts a server in a group of its own, guarded, writing to `logFile`; the log of the start before is kept beside. */
export async function startInBackground(
  command: string,
  args: readonly string[],
  options: {
    readonly logFile: string;
    readonly plan: StopPlan;
    readonly env?: NodeJS.ProcessEnv;
    readonly uid?: number;
    readonly gid?: number;
  },
): Promise<BackgroundProcess> {
  const { logFile, plan, ...spawnOptions } = options;
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.previous`);
  const log = openSync(logFile, 'a', 0o600);
  const child = spawnGuarded(command, args, plan, { ...spawnOptions, cwd: '/', output: log });
  closeSync(log);
  const ended = new Promise<string>((resolve, reject) => {
    child.once('exit', (status, signal) => resolve(signal ?? `status ${status}`));
    child.once('error', reject);
  });
  if (child.pid === undefined)
    throw new Error(`${command} cannot be run`, { cause: await ended.catch((e) => e) });
  const { pid } = child;
  const identity = identify(pid) ?? { pid, startedAt: 'ended at once' };
  // The guard answers for it, so it need not keep this process running.
  child.unref();
  let stopping: Promise<void> | undefined;
  return {
    identity,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    lastLines: () => lastLinesOf(readFileSync(logFile, 'utf8')),
    stop: () => (stopping ??= stopProcess(identity, plan)),
  };
}

/** What made a Go program panic stands above the stack, which is longer than what is kept. */
function lastLinesOf(text: string): string {
  const lines = text.trimEnd().split('\n');
  const kept = lines.slice(-KEPT_LINES);
  const panic = lines.findLast((line) => line.startsWith('panic: '));
  return [...(panic === undefined || kept.includes(panic) ? [] : [panic, '…']), ...kept].join('\n');
}
