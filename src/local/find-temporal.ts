import type { ProgramSource } from './find-program.ts';
import { goInstall } from './go-install.ts';
import { answersVersion, type FindInstalledOptions, findInstalledProgram } from './installed-program.ts';
import { sdkDownload } from './sdk-download.ts';

/** The newest that `go install` builds: later ones replace modules in their go.mod, which it refuses. */
const TEMPORAL_CLI = '1.5.1';

/**
 * The path of the Temporal CLI: `temporal` on PATH, else the cached one, else from the first of `sources` that works
 * (the SDK's download, `go install`). Throws `ProgramNotFound` with every attempt and its cure. A Temporal that
 * already runs (TEMPORAL_ADDRESS) comes before all of these: see local-mode.ts.
 */
export const findTemporal = (options: FindInstalledOptions): Promise<string> =>
  findInstalledProgram(
    {
      name: 'temporal',
      title: 'the Temporal CLI',
      cacheName: `temporal-cli-${TEMPORAL_CLI}`,
      executable: 'temporal',
      sources: [sdkDownload('dev-server', 'temporal', options.env ?? process.env), build(options.env)],
      verify: (path) => answersVersion(path, 'temporal version'),
    },
    options,
  );

const build = (env = process.env): ProgramSource =>
  goInstall({
    target: `github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI}`,
    takes: 'about 4 minutes',
    cure: 'Install Go 1.24 or newer, or the Temporal CLI itself (https://docs.temporal.io/cli), so that `go` or `temporal` is on PATH; or set TEMPORAL_ADDRESS to a Temporal that runs.',
    env,
  });
