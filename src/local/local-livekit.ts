import { findLivekit } from './find-livekit.ts';
import type { ProgramSource } from './find-program.ts';
import { startLivekit } from './livekit.ts';
import type { Report } from './progress.ts';
import { type LocalSecrets, localSecrets } from './secrets.ts';

/** `if_available`: on, unless there is no program for it; a notice then says what would help. */
export type WantedLiveKit = boolean | 'if_available';

export interface LocalLiveKit {
  /** What server and worker are told of it; empty when it is off, or when the environment tells them. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

type LiveKitKey = Pick<LocalSecrets, 'LIVEKIT_API_KEY' | 'LIVEKIT_API_SECRET'>;

const NOTHING: LocalLiveKit = { env: {}, stop: async () => {} };

/**
 * Gets the program, which may take minutes, and answers how to start it, which needs to know where events go and takes a
 * tenth of a second. Nothing is started when it is not wanted, or when LIVEKIT_URL names a LiveKit that runs. Throws
 * `ProgramNotFound` when it is wanted in any case.
 */
export async function prepareLivekit(options: {
  readonly wanted: WantedLiveKit;
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
  readonly sources?: readonly ProgramSource[];
}): Promise<(webhookUrl: string) => Promise<LocalLiveKit>> {
  const { wanted, dataDir, env, report, signal } = options;
  if (wanted === false || env.LIVEKIT_URL) return async () => NOTHING;
  const binary = await findLivekit(options).catch((error: unknown) => {
    if (wanted === true || !isNotFound(error)) throw error;
    report({ kind: 'notice', text: `Going on without LiveKit. ${error.message}` });
  });
  if (binary === undefined) return async () => NOTHING;
  const key = givenKey(env) ?? ownKey(localSecrets({ dataDir, report }));
  return async (webhookUrl) => {
    const running = await startLivekit({
      binary,
      dataDir,
      apiKey: key.LIVEKIT_API_KEY,
      apiSecret: key.LIVEKIT_API_SECRET,
      webhookUrls: [webhookUrl],
      report,
      signal,
    });
    return { env: { ...key, LIVEKIT_URL: running.url }, stop: running.stop };
  };
}

const isNotFound = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && error.code === 'program_not_found';

// A key without its secret is none.
function givenKey({ LIVEKIT_API_KEY, LIVEKIT_API_SECRET }: NodeJS.ProcessEnv): LiveKitKey | undefined {
  return LIVEKIT_API_KEY && LIVEKIT_API_SECRET ? { LIVEKIT_API_KEY, LIVEKIT_API_SECRET } : undefined;
}

function ownKey(secrets: LocalSecrets): LiveKitKey {
  const { LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = secrets;
  return { LIVEKIT_API_KEY, LIVEKIT_API_SECRET };
}
