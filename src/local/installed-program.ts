import { existsSync } from 'node:fs';
import { onPath } from './on-path.ts';
import type { Report } from './progress.ts';
import { runCommand } from './run-command.ts';

/**
 * The first executable of that name on PATH that passes `verify`; undefined when there is none. Another program of the
 * same name is passed over with a notice.
 */
export async function installedProgram(options: {
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
