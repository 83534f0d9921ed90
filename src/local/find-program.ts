import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { guardPath } from './guard.ts';
import { waitForLock } from './hold-lock.ts';
import type { Report } from './progress.ts';

/** One way of getting a program that is not on the machine. */
export interface ProgramSource {
  readonly name: string;
  /** What a person can do so that this way works, as a command or a sentence. */
  readonly cure: string;
  /** Makes or fetches the program into the empty `directory`; throws when that is not possible here. */
  obtain(directory: string, signal: AbortSignal | undefined, onLine: (line: string) => void): Promise<void>;
}

export interface WantedProgram {
  /** For people: "the Temporal CLI". */
  readonly title: string;
  /** The folder in the cache, which carries the version: another version is another folder. */
  readonly cacheName: string;
  /** The executable's path inside the folder. */
  readonly executable: string;
  readonly sources: readonly ProgramSource[];
  /** Runs the program; throws unless it answers as it should. */
  verify(path: string): Promise<void>;
}

export interface FindOptions {
  readonly cacheDir: string;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

class ProgramNotFound extends Error {
  readonly code = 'program_not_found';
}

/**
 * The path of the program in the cache, obtained from the first source that works when it is not there or does not
 * answer. Each source works in a folder of its own which becomes the cached one by a rename; two that look for the
 * same program at once obtain it once. Throws `ProgramNotFound` with every attempt, its reason and its cure.
 */
export async function findProgram(wanted: WantedProgram, options: FindOptions): Promise<string> {
  const { cacheDir, report, signal } = options;
  const folder = join(cacheDir, wanted.cacheName);
  const path = join(folder, wanted.executable);
  if (await answers(wanted, path)) return path;
  const step = `Getting ${wanted.title}`;
  const unlock = await waitForLock(
    `${folder}.lock`,
    () => report({ kind: 'notice', text: `Another launch is getting ${wanted.title}; waiting for it.` }),
    signal,
  );
  try {
    if (await answers(wanted, path)) return path;
    report({ kind: 'begin', step, detail: `once, kept in ${folder}` });
    const reasons = await obtainFromFirst(wanted, folder, options, step);
    if (reasons === undefined) {
      report({ kind: 'end', step });
      return path;
    }
    report({ kind: 'failed', step, detail: 'no source worked' });
    throw new ProgramNotFound(`${sentence(wanted.title)} is not on this machine:\n${reasons.join('\n')}`);
  } finally {
    unlock();
  }
}

// Answers undefined when the program is in its folder, otherwise one reason for each source.
async function obtainFromFirst(
  wanted: WantedProgram,
  folder: string,
  { report, signal }: FindOptions,
  step: string,
): Promise<string[] | undefined> {
  const reasons: string[] = [];
  const unfinished = `${folder}.unfinished`;
  for (const source of wanted.sources) {
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    const release = guardPath(unfinished);
    report({ kind: 'advance', step, detail: source.name });
    try {
      await source.obtain(unfinished, signal, (line) =>
        report({ kind: 'advance', step, detail: `${source.name}: ${line}` }),
      );
      await wanted.verify(join(unfinished, wanted.executable));
      rmSync(folder, { recursive: true, force: true });
      renameSync(unfinished, folder);
      return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      reasons.push(`- ${source.name}: ${reasonOf(error)}\n  Cure: ${source.cure}`);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
      release();
    }
  }
  return reasons;
}

async function answers(wanted: WantedProgram, path: string): Promise<boolean> {
  try {
    await wanted.verify(path);
    return true;
  } catch {
    return false;
  }
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n').slice(0, 12).join('\n  ');
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
