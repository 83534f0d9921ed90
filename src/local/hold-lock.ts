import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pause } from './poll.ts';

export type Unlock = () => void;

const SQLITE_BUSY = 5;

/**
 * Takes the lock at `path`, or answers undefined when another holder has it. SQLite locks the file through the
 * kernel, which lets go when the process dies, so no lock is ever left over.
 */
export function tryLock(path: string): Unlock | undefined {
  mkdirSync(dirname(path), { recursive: true });
  const file = new DatabaseSync(path);
  try {
    file.exec('BEGIN EXCLUSIVE');
    return () => {
      if (file.isOpen) file.close();
    };
  } catch (error) {
    file.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw new Error(`The lock ${path} cannot be taken; is the directory writable?`, { cause: error });
  }
}

/** Waits for the lock; `onWait` is called once if there is something to wait for. */
export async function waitForLock(path: string, onWait: () => void, signal?: AbortSignal): Promise<Unlock> {
  for (let attempt = 0; ; attempt++) {
    const unlock = tryLock(path);
    if (unlock !== undefined) return unlock;
    if (attempt === 0) onWait();
    await pause(200, signal);
  }
}
