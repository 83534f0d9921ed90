/** Evidence rings a class at most once a minute (product §3, Bells); what comes in between is told when the minute is over. */
import { type ClassRef, inTenant, type Tx } from '../db/client.ts';
import type { ClassRow } from '../db/plans.ts';
import { takeRing } from '../db/rings.ts';
import { loggable } from '../loggable.ts';
import { ringEvidence } from './bell.ts';
import type { Deps } from './route.ts';

/** Before its end a class reads its evidence by itself; once it is settled or cancelled, nobody waits for any. */
export function waitsForEvidence(
  { status, endAt, settledAt }: Pick<ClassRow, 'status' | 'endAt' | 'settledAt'>,
  nowMs: number,
): boolean {
  if (settledAt !== null || status === 'cancelled') return false;
  return nowMs >= endAt.getTime() || status === 'ended' || status === 'reconciling';
}

export interface EvidenceBell {
  /** Part of the transaction that stores the evidence; answers what to do once that is committed. */
  prepare(tx: Tx, ref: ClassRef): Promise<() => Promise<void>>;
}

/**
 * Keeps the rings that wait for their minute. They are lost with the process: then the sweeper rings for what LiveKit
 * told, and the next attempt of the workflow finds the rest.
 */
export function createEvidenceBell(deps: Omit<Deps, 'evidenceBell' | 'presence' | 'live'>): EvidenceBell {
  const waiting = new Set<string>();

  const ringLater = (ref: ClassRef, delayMs: number): void => {
    const key = `${ref.tenantId}/${ref.classId}`;
    if (waiting.has(key)) return;
    waiting.add(key);
    const ring = async (): Promise<void> => {
      waiting.delete(key);
      const wait = await inTenant(deps.db, ref.tenantId, (tx) => takeRing(tx, ref, deps.now()));
      // Another server rang meanwhile, and by then the evidence was there.
      if (wait === 0) await ringEvidence(deps, ref);
    };
    const failed = (err: unknown): void => {
      deps.log.warn(
        { failure: loggable(err), tenant: ref.tenantId, class_id: ref.classId },
        'a late ring for evidence failed',
      );
    };
    setTimeout(() => void ring().catch(failed), delayMs).unref();
  };

  return {
    async prepare(tx, ref) {
      const waitMs = await takeRing(tx, ref, deps.now());
      return async () => {
        if (waitMs === 0) await ringEvidence(deps, ref);
        else ringLater(ref, waitMs);
      };
    },
  };
}
