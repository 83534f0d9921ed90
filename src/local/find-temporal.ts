import { existsSync } from 'node:fs';
import { cacheDir } from './cache-dir.ts';
import { findProgram, type ProgramSource } from './find-program.ts';
import { onPath } from './on-path.ts';
import type { Report } from './progress.ts';
import { runCommand } from './run-command.ts';
import { sdkDownload } from './sdk-download.ts';

/** The newest that `go install` builds: later ones replace modules in their go.mod, which it refuses. */
const TEMPORAL_CLI = '1.5.1';

/**
 * The path of the Temporal CLI: `temporal` on PATH, else the cached one, else from the first of `sources` that works
 * (the SDK's download, `go install`). Throws `ProgramNotFound` with every attempt and its cure. A Temporal that
 * already runs (TEMPORAL_ADDRESS) comes before all of these: see local-mode.ts.
 */
export async function findTemporal(options: {
  readonly report: Report;
  readonly env?: NodeJS.ProcessEnv;
  readonly sources?: readonly ProgramSource[];
  readonly signal?: AbortSignal | undefined;
}): Promise<string> {
  const { report, env = process.env, signal } = options;
  for (const path of onPath('temporal', env)) {
    try {
      await verify(path);
      return path;
    } catch {
      report({
        kind: 'notice',
        text: `${path} does not answer \`--version\` as the Temporal CLI does; passing it over.`,
      });
    }
  }
  const wanted = {
    title: 'the Temporal CLI',
    cacheName: `temporal-cli-${TEMPORAL_CLI}`,
    executable: 'temporal',
    sources: options.sources ?? [sdkDownload('dev-server', 'temporal', env), goInstall(env)],
    verify,
  };
  return await findProgram(wanted, { cacheDir: cacheDir(env), report, signal });
}

function goInstall(env: NodeJS.ProcessEnv): ProgramSource {
  const target = `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI}`;
  return {
    name: `go install ${target} (about 4 minutes)`,
    cure: 'Install Go 1.24 or newer, or the Temporal CLI itself (https://docs.temporal.io/cli), so that `go` or `temporal` is on PATH; or set TEMPORAL_ADDRESS to a Temporal that runs.',
    async obtain(directory, signal, onLine) {
      const [go] = onPath('go', env);
      if (go === undefined) throw new Error('there is no `go` on PATH');
      let compiled = 0;
      await runCommand(go, ['install', '-v', '-ldflags=-s -w', target], {
        cwd: directory,
        env: { ...env, GOBIN: directory, GOFLAGS: '', GOWORK: 'off' },
        signal,
        onLine(line) {
          // `-v` names each package when it is done; lines of `go:` are about modules that are fetched first.
          onLine(line.startsWith('go: ') ? line : `package ${++compiled}, ${line}`);
        },
      });
    },
  };
}

async function verify(path: string): Promise<void> {
  if (!existsSync(path)) throw new Error(`${path} does not exist`);
  const said = await runCommand(path, ['--version'], { timeoutMs: 15_000 });
  if (!said.includes('temporal version'))
    throw new Error(`${path} --version answered "${said.slice(0, 80)}"`);
}
