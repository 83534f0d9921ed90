import type { ProgramSource } from './find-program.ts';
import { goInstall } from './go-install.ts';
import { answersVersion, type FindInstalledOptions, findInstalledProgram } from './installed-program.ts';

/** Builds with Go 1.26, which every Go since 1.21 fetches by itself when it is older. */
const LIVEKIT_SERVER = '1.13.5';

/**
 * The path of the LiveKit server: `livekit-server` on PATH, else the cached one, else from the first of `sources` that
 * works (`go install`). Throws `ProgramNotFound` with every attempt and its cure. A LiveKit that already runs
 * (LIVEKIT_URL) comes before all of these: see local-livekit.ts.
 */
export const findLivekit = (options: FindInstalledOptions): Promise<string> =>
  findInstalledProgram(
    {
      name: 'livekit-server',
      title: 'the LiveKit server',
      cacheName: `livekit-server-${LIVEKIT_SERVER}`,
      // The name of its package, which `go install` takes.
      executable: 'server',
      sources: [build(options.env)],
      verify: (path) => answersVersion(path, 'livekit-server version'),
    },
    options,
  );

const build = (env = process.env): ProgramSource =>
  goInstall({
    target: `github.com/livekit/livekit-server/cmd/server@v${LIVEKIT_SERVER}`,
    takes: 'about 2 minutes',
    cure: 'Install Go 1.21 or newer, or the LiveKit server itself (https://docs.livekit.io/transport/self-hosting/local/), so that `go` or `livekit-server` is on PATH; or set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a LiveKit that runs.',
    env,
  });
