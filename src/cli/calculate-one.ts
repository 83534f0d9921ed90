import { effectiveStatus } from '../attendance/effective-status.ts';
import { clock, day } from '../attendance/words.ts';
import { calculateClass } from '../db/calculations.ts';
import { wakeIfWhole } from '../db/change-class.ts';
import { phaseOf, windowOf } from '../db/class-phase.ts';
import { type ClassRef, type Database, inTenant, type Tx } from '../db/client.ts';
import { latestVersion } from '../db/latest-version.ts';
import { readMarks } from '../db/marks.ts';
import { type ClassRow, readClass, type SessionRow } from '../db/plans.ts';

export type Calculated =
  | {
      kind: 'calculated' | 'unchanged';
      /** Null: it is the first. */
      versionBefore: number | null;
      versionAfter: number;
      /** How many people are what, by calculation or mark. */
      statuses: Record<string, number>;
    }
  | { kind: 'refused'; reason: string };

/**
 * Calculates a class as its workflow does, where there is something to calculate.
 * @param options.force also a class that is over and that its workflow has not calculated yet
 */
export async function calculateOne(
  db: Database,
  ref: ClassRef,
  { force, nowMs }: { force: boolean; nowMs: number },
): Promise<Calculated> {
  return await inTenant(db, ref.tenantId, async (tx) => {
    const found = await readClass(tx, ref, 'for update');
    const versionBefore = await latestVersion(tx, ref);
    const reason = await whyNot(tx, found, { calculated: versionBefore !== null, force, nowMs });
    if (reason !== null) return { kind: 'refused', reason };
    const { version, people, missing } = await calculateClass(tx, ref);
    const { standing } = await readMarks(tx, ref);
    await wakeIfWhole(tx, found.row, missing);
    return {
      kind: version === versionBefore ? 'unchanged' : 'calculated',
      versionBefore,
      versionAfter: version,
      statuses: tally(
        people.map(({ personId, status }) => effectiveStatus(status, standing.get(personId)).status),
      ),
    };
  });
}

async function whyNot(
  tx: Tx,
  found: { row: ClassRow; session: SessionRow },
  { calculated, force, nowMs }: { calculated: boolean; force: boolean; nowMs: number },
): Promise<string | null> {
  const phase = await phaseOf(tx, found, nowMs);
  switch (phase) {
    case 'cancelled':
      return 'it is cancelled';
    case 'ahead':
      return `it has not begun: it starts on ${inWords(found.row.startAt.getTime())}`;
    case 'active':
      return `it is still live: time counts until ${inWords((await windowOf(tx, found)).endMs)}`;
    case 'over':
      return calculated || force ? null : 'its workflow has not calculated it yet; --force does so now';
    case 'settled':
      return null;
    default:
      return phase satisfies never;
  }
}

const inWords = (ms: number): string => `${day(ms)} at ${clock(ms, ms)} UTC`;

function tally(statuses: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const status of statuses.toSorted()) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
