import { cacheDir } from './cache-dir.ts';
import { findProgram, type ProgramSource } from './find-program.ts';
import { goInstall } from './go-install.ts';
import { answersVersion, installedProgram } from './installed-program.ts';
import type { Report } from './progress.ts';

/** Builds with Go 1.26, which every Go since 1.21 fetches by itself when it is older. */
const LIVEKIT_SERVER = '1.13.5';

/**
 * The path of the LiveKit server: `livekit-server` on PATH, else the cached one, else from the first of `sources` that
 * works (`go install`). Throws `ProgramNotFound` with every attempt and its cure. A LiveKit that already runs
 * (LIVEKIT_URL) comes before all of these: see local-livekit.ts.
 */
export async function findLivekit(options: {
  readonly report: Report;
  readonly env?: NodeJS.ProcessEnv;
  readonly sources?: readonly ProgramSource[];
  readonly signal?: AbortSignal | undefined;
}): Promise<string> {
  const { report, env = process.env, signal } = options;
  const title = 'the LiveKit server';
  const installed = await installedProgram({ name: 'livekit-server', title, verify, report, env });
  if (installed !== undefined) return installed;
  const wanted = {
    title,
    cacheName: `livekit-server-${LIVEKIT_SERVER}`,
    // The name of its package, which `go install` takes.
    executable: 'server',
    sources: options.sources ?? [build(env)],
    verify,
  };
  return await findProgram(wanted, { cacheDir: cacheDir(env), report, signal });
}

const build = (env: NodeJS.ProcessEnv): ProgramSource =>
  goInstall({
    target: `github.com/livekit/livekit-server/cmd/server@v${LIVEKIT_SERVER}`,
    takes: 'about 2 minutes',
    cure: 'Install Go 1.21 or newer, or the LiveKit server itself (https://docs.livekit.io/transport/self-hosting/local/), so that `go` or `livekit-server` is on PATH; or set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a LiveKit that runs.',
    env,
  });

const verify = (path: string): Promise<void> => answersVersion(path, 'livekit-server version');
