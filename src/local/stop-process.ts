import { poll } from './poll.ts';
import { identify, isAlive, isGroupAlive, type ProcessIdentity } from './process-identity.ts';

/** The signals to try in turn, each with the time it is given; SIGKILL to the whole group comes after the last. */
export type StopPlan = readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[];

export const politely: StopPlan = [{ signal: 'SIGTERM', waitMs: 10_000 }];

/** PostgreSQL: SIGINT ends sessions and writes a checkpoint, SIGQUIT leaves recovery to the next start. */
export const postgresStop: StopPlan = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 6_000 },
];

/**
 * Ends one process which leads its own group, and whatever it left in that group. Does nothing when the id now
 * belongs to another process.
 */
export async function stopProcess(identity: ProcessIdentity, plan: StopPlan): Promise<void> {
  for (const { signal, waitMs } of plan) {
    if (!isAlive(identity)) break;
    send(identity.pid, signal);
    if (await poll(() => !isAlive(identity), waitMs)) break;
  }
  if (isOurGroup(identity)) send(-identity.pid, 'SIGKILL');
  await poll(() => !isAlive(identity) && !isOurGroup(identity), 5_000);
}

// The kernel does not hand out an id while a member of its group is left, so a group whose id names no process, or
// still our process, is ours; one whose id names another process is not.
function isOurGroup(identity: ProcessIdentity): boolean {
  const holder = identify(identity.pid);
  return (holder === undefined || holder.startedAt === identity.startedAt) && isGroupAlive(identity.pid);
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
