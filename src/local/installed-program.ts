import { existsSync } from 'node:fs';
import { cacheDir } from './cache-dir.ts';
import { findProgram, type ProgramSource, type WantedProgram } from './find-program.ts';
import { onPath } from './on-path.ts';
import type { Report } from './progress.ts';
import { runCommand } from './run-command.ts';

export interface FindInstalledOptions {
  readonly report: Report;
  readonly env?: NodeJS.ProcessEnv;
  /** Instead of the program's own ways of getting it. */
  readonly sources?: readonly ProgramSource[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * The path of a program: the one of the name on PATH, else the cached one, else from the first source that works.
 * Throws `ProgramNotFound` with every attempt and its cure.
 */
export async function findInstalledProgram(
  wanted: WantedProgram & { readonly name: string },
  { report, env = process.env, sources = wanted.sources, signal }: FindInstalledOptions,
): Promise<string> {
  const installed = await installedProgram({ ...wanted, report, env });
  if (installed !== undefined) return installed;
  return await findProgram({ ...wanted, sources }, { cacheDir: cacheDir(env), report, signal });
}

/**
 * The first executable of that name on PATH that passes `verify`; undefined when there is none. Another program of the
 * same name is passed over with a notice.
 */
async function installedProgram(options: {
  readonly name: string;
  /** For people: "the Temporal CLI". */
  readonly title: string;
  verify(path: string): Promise<void>;
  readonly report: Report;
  readonly env: NodeJS.ProcessEnv;
}): Promise<string | undefined> {
  const { name, title, verify, report, env } = options;
  for (const path of onPath(name, env)) {
    try {
      await verify(path);
      return path;
    } catch {
      report({
        kind: 'notice',
        text: `${path} does not answer \`--version\` as ${title} does; passing it over.`,
      });
    }
  }
  return undefined;
}

/** Throws unless the program answers `--version` with a text that has `expected` in it. */
export async function answersVersion(path: string, expected: string): Promise<void> {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  const said = await runCommand(path, ['--version'], { timeoutMs: 15_000 });
  if (!said.includes(expected)) throw new Error(`${path} --version answered "${said.slice(0, 80)}"`);
}
