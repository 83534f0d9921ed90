/** Where a class stands, by its row and the clock: the workflow may be late, the clock is not. */
import { countingWindow } from '../attendance/counting-window.ts';
import type { Tx } from './client.ts';
import { type ClassRow, nextClassInRoom, type SessionRow } from './plans.ts';
import { policyOf } from './policy-in-force.ts';

export type Phase = 'ahead' | 'active' | 'over' | 'settled' | 'cancelled';

/** `over` begins with the end of the counting window, or when the workflow found that it has ended. */
export async function phaseOf(
  tx: Tx,
  { row, session }: { row: ClassRow; session: SessionRow },
  nowMs: number,
): Promise<Phase> {
  if (row.status === 'cancelled') return 'cancelled';
  if (row.settledAt !== null || row.status === 'completed' || row.status === 'incomplete') return 'settled';
  if (row.status === 'ended' || row.status === 'reconciling') return 'over';
  const startMs = row.startAt.getTime();
  if (nowMs < startMs) return 'ahead';
  const window = countingWindow({
    startMs,
    endMs: row.endAt.getTime(),
    nextClassStartMs: await nextClassInRoom(tx, row, session),
    policy: await policyOf(tx, row),
  });
  return nowMs < window.endMs ? 'active' : 'over';
}
