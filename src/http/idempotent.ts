import type { Tx } from '../db/client.ts';
import { claimKey, keepAnswer } from '../db/idempotency.ts';
import { Problem } from './problem.ts';

/**
 * Does the work once for each `Idempotency-Key`: the same request gets the first answer again, another request under
 * the same key is refused. A request that failed left nothing behind and may be sent again under its key.
 */
export async function answerOnce<A extends { status: number; body: unknown; replayed?: boolean }>(
  tx: Tx,
  tenantId: string,
  idempotency: { key: string; requestHash: string } | null,
  work: () => Promise<A>,
): Promise<A | { status: number; body: unknown; replayed: boolean; afterCommit?: never }> {
  if (idempotency === null) return await work();
  const { key, requestHash } = idempotency;
  const claim = await claimKey(tx, tenantId, key, requestHash);
  switch (claim.kind) {
    case 'replay':
      return { status: claim.status, body: claim.body, replayed: true };
    case 'other_request':
      throw new Problem(
        'idempotency-key-reused',
        'this Idempotency-Key was sent with another request; use a new key for a new request',
        {
          errors: [
            { field: 'Idempotency-Key', message: 'must be new for every request that is not a repetition' },
          ],
        },
      );
    case 'new': {
      const answer = await work();
      await keepAnswer(tx, tenantId, key, { requestHash, status: answer.status, body: answer.body });
      return answer;
    }
    default:
      return claim satisfies never;
  }
}
