import { chmodSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProgramSource } from './find-program.ts';
import { poll } from './poll.ts';
import { runCommand } from './run-command.ts';

// Offline the SDK fails at once; behind a firewall that drops packets it would wait for minutes.
const NO_BYTES_FOR_MS = 15_000;

/** The Temporal SDK's own download, run in a process of its own because the SDK offers no way to call it off. */
export function sdkDownload(
  what: 'dev-server' | 'time-skipping',
  executable: string,
  env: NodeJS.ProcessEnv = process.env,
  noBytesForMs = NO_BYTES_FOR_MS,
): ProgramSource {
  return {
    name: "download by Temporal's SDK",
    cure: 'Give this machine access to the internet (HTTPS_PROXY is respected).',
    async obtain(directory, signal) {
      const script = fileURLToPath(new URL('./sdk-download-process.ts', import.meta.url));
      const stalled = new AbortController();
      const finished = new AbortController();
      const either = AbortSignal.any([stalled.signal, ...(signal ? [signal] : [])]);
      void watchForStall(directory, noBytesForMs, stalled, finished.signal);
      try {
        await runCommand(process.execPath, [script, what, directory], { env, signal: either });
      } finally {
        finished.abort();
      }
      const [file] = readdirSync(directory).filter((name) => !name.endsWith('.downloading'));
      if (file === undefined) throw new Error('the SDK reported success but left no file');
      renameSync(join(directory, file), join(directory, executable));
      chmodSync(join(directory, executable), 0o755);
    },
  };
}

async function watchForStall(
  directory: string,
  noBytesForMs: number,
  stalled: AbortController,
  finished: AbortSignal,
): Promise<void> {
  let size = -1;
  try {
    while (!finished.aborted) {
      const before = size;
      const grew = await poll(
        () => {
          size = totalSize(directory);
          return size > before;
        },
        noBytesForMs,
        finished,
        500,
      );
      if (!grew) return stalled.abort(new Error(`nothing arrived for ${noBytesForMs / 1000} s`));
    }
  } catch {
    // Aborted by `finished`: there is nothing left to watch.
  }
}

function totalSize(directory: string): number {
  return readdirSync(directory)
    .map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
}
