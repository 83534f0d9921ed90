/** Where a class stands, by its row and the clock: the workflow may be late, the clock is not. */
import { countingWindow } from '../attendance/counting-window.ts';
import type { Interval } from '../attendance/intervals.ts';
import type { Tx } from './client.ts';
import { type ClassRow, nextClassInRoom, type SessionRow } from './plans.ts';
import { policyOf } from './policy-in-force.ts';

/** A class as it was read. */
export interface FoundClass {
  row: ClassRow;
  session: SessionRow;
}

export type Phase = 'ahead' | 'active' | 'over' | 'settled' | 'cancelled';

/** `over` begins with the end of the counting window, or when the workflow found that it has ended. */
export async function phaseOf(tx: Tx, found: FoundClass, nowMs: number): Promise<Phase> {
  const { row } = found;
  if (row.status === 'cancelled') return 'cancelled';
  if (row.settledAt !== null || row.status === 'completed' || row.status === 'incomplete') return 'settled';
  if (row.status === 'ended' || row.status === 'reconciling') return 'over';
  if (nowMs < row.startAt.getTime()) return 'ahead';
  const { endMs } = await windowOf(tx, found);
  return nowMs < endMs ? 'active' : 'over';
}

/** The counting window of a class, by its plan. */
export async function windowOf(tx: Tx, { row, session }: FoundClass): Promise<Interval> {
  return countingWindow({
    startMs: row.startAt.getTime(),
    endMs: row.endAt.getTime(),
    nextClassStartMs: await nextClassInRoom(tx, row, session),
    policy: await policyOf(tx, row),
  });
}
