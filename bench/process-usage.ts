/** What a process takes of the machine, as Linux tells it. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const running = (pid: number | undefined): number => {
  if (pid === undefined) throw new Error('a process that was to be measured does not run.');
  return pid;
};

/** Resident memory, MiB. Not from `ps`: to start a process stops one of 1.7 GB for 65 ms. */
export async function residentMiB(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${running(pid)}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024);
}

/** Seconds of one core so far, user and system; Linux counts in hundredths. */
export async function cpuSeconds(pid: number | undefined): Promise<number> {
  const fields = (await readFile(`/proc/${running(pid)}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resolves when the process has hardly anything to do. */
export async function untilIdle(pid: number | undefined, signal: AbortSignal): Promise<void> {
  for (let before = await cpuSeconds(pid); ; ) {
    await sleep(2_000, undefined, { signal });
    const now = await cpuSeconds(pid);
    if (now - before < 0.1) return;
    before = now;
  }
}

/** Looks every second from now on; `stop` answers the most resident memory that was seen, MiB. */
export function watchMemory(pid: number | undefined) {
  let most = 0;
  const now = async (): Promise<number> => {
    const mib = await residentMiB(pid);
    most = Math.max(most, mib);
    return mib;
  };
  const timer = setInterval(() => void now().catch(() => {}), 1_000).unref();
  return {
    now,
    async stop(): Promise<number> {
      clearInterval(timer);
      await now();
      return most;
    },
  };
}
