import { cacheDir } from './cache-dir.ts';
import { findProgram, type ProgramSource } from './find-program.ts';
import { goInstall } from './go-install.ts';
import { answersVersion, installedProgram } from './installed-program.ts';
import type { Report } from './progress.ts';
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
  const title = 'the Temporal CLI';
  const installed = await installedProgram({ name: 'temporal', title, verify, report, env });
  if (installed !== undefined) return installed;
  const wanted = {
    title,
    cacheName: `temporal-cli-${TEMPORAL_CLI}`,
    executable: 'temporal',
    sources: options.sources ?? [sdkDownload('dev-server', 'temporal', env), build(env)],
    verify,
  };
  return await findProgram(wanted, { cacheDir: cacheDir(env), report, signal });
}

const build = (env: NodeJS.ProcessEnv): ProgramSource =>
  goInstall({
    target: `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI}`,
    takes: 'about 4 minutes',
    cure: 'Install Go 1.24 or newer, or the Temporal CLI itself (https://docs.temporal.io/cli), so that `go` or `temporal` is on PATH; or set TEMPORAL_ADDRESS to a Temporal that runs.',
    env,
  });

const verify = (path: string): Promise<void> => answersVersion(path, 'temporal version');
