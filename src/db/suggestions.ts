import type { Suggestion } from '../attendance/record.ts';
import { calculateNow } from './calculations.ts';
import type { ClassRef, Tx } from './client.ts';

/** What the rules suggest on what is known at `nowMs`, by person id (product §7). */
export async function readSuggestions(
  tx: Tx,
  ref: ClassRef,
  nowMs: number,
): Promise<Map<string, Suggestion>> {
  const { people } = await calculateNow(tx, ref, nowMs);
  return new Map(
    people.flatMap(({ personId, suggestion }) => (suggestion === undefined ? [] : [[personId, suggestion]])),
  );
}
