import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where programs that take minutes to get are kept: outside the checkout, shared by every checkout of the user. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  return env.ROLLCALL_CACHE_DIR || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'rollcall');
}
