import { setTimeout as sleep } from 'node:timers/promises';
import { type Launched, launch } from './launched-process.ts';
import { poll } from './poll.ts';
import { politely, type StopPlan, stopProcess } from './stop-process.ts';

export interface ProcessSpec {
  readonly name: string;
  /** This Node when left out. */
  readonly command?: string;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A line that it writes, or a URL that answers 2xx; ready at once when left out. */
  readonly ready?: { readonly line: RegExp } | { readonly url: string };
  readonly readyWithinMs?: number;
  /** Started again when it ends unasked after it was ready once. */
  readonly restart?: boolean;
  readonly stopPlan?: StopPlan;
}

export interface RunningProcess {
  readonly name: string;
  readonly ready: Promise<void>;
  /** Undefined between a crash and the restart. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

interface Surroundings {
  write(line: string): void;
  /** It ended after it was ready, unasked, and is not restarted. */
  onUnexpectedEnd(how: string): void;
}

const KEPT_LINES = 15;
const FIRST_RESTART_MS = 250;
const LONGEST_RESTART_MS = 10_000;
// One that ran so long did not crash because of how it was started.
const HEALTHY_AFTER_MS = 30_000;

/** Starts a process and keeps an eye on it until it is stopped. */
export function superviseProcess(spec: ProcessSpec, surroundings: Surroundings): RunningProcess {
  const stopped = new AbortController();
  const lastLines: string[] = [];
  const { stopPlan = politely } = spec;
  let seen = spec.ready === undefined;
  let current: Launched | undefined;

  const start = () =>
    launch({
      command: spec.command ?? process.execPath,
      args: spec.args,
      env: { ...process.env, ...spec.env },
      cwd: spec.cwd,
      stopPlan,
      onLine(line) {
        if (lastLines.push(line) > KEPT_LINES) lastLines.shift();
        if (spec.ready !== undefined && 'line' in spec.ready && spec.ready.line.test(line)) seen = true;
        surroundings.write(line);
      },
    });

  const firstReady = async (first: Launched) => {
    const { readyWithinMs = 60_000, ready } = spec;
    let how: string | undefined;
    void first.ended.then((end) => {
      how = end;
    });
    const asks = async () => {
      if (ready !== undefined && 'url' in ready && (await answers(ready.url))) seen = true;
      return seen || how !== undefined;
    };
    const inTime = await poll(asks, readyWithinMs, stopped.signal);
    if (seen) return;
    const what = inTime ? `ended with ${how}` : `was not ready within ${readyWithinMs / 1000} s`;
    throw new Error(`${spec.name} ${what}${lastLines.length === 0 ? '.' : `:\n${lastLines.join('\n')}`}`);
  };

  const watch = async (first: Launched) => {
    let waitMs = FIRST_RESTART_MS;
    for (let launched = first; ; ) {
      const since = performance.now();
      const how = await launched.ended;
      current = undefined;
      if (stopped.signal.aborted) return;
      if (!spec.restart) return surroundings.onUnexpectedEnd(how);
      waitMs = performance.now() - since > HEALTHY_AFTER_MS ? FIRST_RESTART_MS : waitMs;
      surroundings.write(`ended with ${how}; starting it again in ${waitMs} ms`);
      await sleep(waitMs, undefined, { signal: stopped.signal });
      waitMs = Math.min(waitMs * 2, LONGEST_RESTART_MS);
      launched = current = start();
    }
  };

  const stop = async () => {
    stopped.abort(new Error(`${spec.name} was stopped`));
    if (current?.identity !== undefined) await stopProcess(current.identity, stopPlan);
  };

  const first = start();
  current = first;
  const ready = firstReady(first);
  ready.then(
    // A wait for the restart that `stop` cut short is no failure.
    () => watch(first).catch(() => {}),
    () => stop(),
  );
  return { name: spec.name, ready, pid: () => current?.identity?.pid, stop };
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
