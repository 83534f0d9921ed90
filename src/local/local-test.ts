import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { poll } from './poll.ts';
import type { Progress } from './progress.ts';

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'rollcall-local-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** Keeps what was reported. */
export function recordProgress() {
  const seen: Progress[] = [];
  return { seen, report: (progress: Progress) => void seen.push(progress) };
}

/** Throws when it does not become true in 20 s. */
export async function eventually(what: string, ask: () => boolean | Promise<boolean>): Promise<void> {
  if (!(await poll(ask, 20_000))) throw new Error(`not within 20 s: ${what}`);
}

/**
 * Runs a module in a Node of its own, with the folder of local mode as `local`. What it prints as JSON with
 * `say(value)` is read with `said()`.
 */
export function runModule(source: string): { child: ChildProcess; said: () => Promise<unknown> } {
  const prelude = `
    const local = ${JSON.stringify(new URL('.', import.meta.url).href)};
    const say = (value) => console.log('said ' + JSON.stringify(value));
    const report = (progress) => say(progress);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', prelude + source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async () => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error('the module ended without saying more');
      if (value.startsWith('said ')) return JSON.parse(value.slice('said '.length)) as unknown;
    }
  };
  return { child, said };
}

export async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** The processes that were told of the directory or work in it, as every server of local mode does. */
export function processesOf(directory: string): number[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.map(Number).filter((pid) => {
    try {
      const told = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory);
      return (told || readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)) && !isTestRunner(pid);
    } catch {
      // It ended in between.
      return false;
    }
  });
}

// A module that a test runs has the directory in its source.
function isTestRunner(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--eval');
}
