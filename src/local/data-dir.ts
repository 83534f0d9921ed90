import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';

export const isRoot = userInfo().uid === 0;

/**
 * Makes the data directory, closed to others. For root others may pass through, not list: PostgreSQL refuses to run
 * as root and its own user has to reach its files below. What is secret in there is mode 0600.
 */
export function ensureDataDir(dataDir: string): string {
  const path = resolve(dataDir);
  const existed = mkdirSync(path, { recursive: true, mode: isRoot ? 0o711 : 0o700 }) === undefined;
  if (existed && isRoot) {
    const { mode, uid } = statSync(path);
    if (uid === 0 && (mode & 0o001) === 0) chmodSync(path, (mode & 0o777) | 0o001);
  }
  return path;
}
