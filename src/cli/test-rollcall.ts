/** The command line as a shell runs it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { temporaryDirectory } from '../local/local-test.ts';

const CLI = join(import.meta.dirname, 'rollcall.ts');
/** Nothing of these is taken over from whoever runs the tests. */
const UNSET = {
  DATABASE_URL: '',
  DATABASE_SERVICE_URL: '',
  AUTH_JWT_SECRET: '',
  GOOGLE_SERVICE_ACCOUNT_KEY: '',
  TEMPORAL_ADDRESS: '',
  TEMPORAL_NAMESPACE: '',
  LIVEKIT_URL: '',
  LIVEKIT_API_KEY: '',
  LIVEKIT_API_SECRET: '',
  LIVEKIT_KEYS: '',
};

interface Ended {
  status: number;
  out: string;
  err: string;
}

export function rollcall(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const dataDir = env.ROLLCALL_DATA_DIR ?? temporaryDirectory();
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...UNSET, ...env, ROLLCALL_DATA_DIR: dataDir } };
    const child = execFile(process.execPath, [CLI, ...args], options, (_error, out, err) =>
      resolve({ status: child.exitCode ?? -1, out, err }),
    );
  });
}
