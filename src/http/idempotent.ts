import { type Database, inTenant, type Tx } from '../db/client.ts';
import { type Claim, claimKey, findAnswer, keepAnswer } from '../db/idempotency.ts';
import { Problem } from './problem.ts';

/**
 * Does the work once for each `Idempotency-Key`: the same request gets the first answer again, another request under
 * the same key is refused. A request that failed left nothing behind and may be sent again under its key.
 */
export async function answerOnce<A extends { status: number; body: unknown }>(
  tx: Tx,
  tenantId: string,
  idempotency: { key: string; requestHash: string } | null,
  work: () => Promise<A>,
): Promise<A | Replay> {
  if (idempotency === null) return await work();
  const { key, requestHash } = idempotency;
  const earlier = replayOf(await claimKey(tx, tenantId, key, requestHash));
  if (earlier !== null) return earlier;
  const answer = await work();
  await keepAnswer(tx, tenantId, key, { requestHash, status: answer.status, body: answer.body });
  return answer;
}

/**
 * The same for work outside the database, which may be slow and does no harm when it is done twice: no transaction
 * waits for it. Of two at once, both work and the first answer stands.
 */
export async function answerOnceOutside<A extends { status: number; body: unknown }>(
  db: Database,
  tenantId: string,
  idempotency: { key: string; requestHash: string } | null,
  work: () => Promise<A>,
): Promise<A | Replay> {
  if (idempotency === null) return await work();
  const { key, requestHash } = idempotency;
  const claim = await inTenant(db, tenantId, (tx) => findAnswer(tx, tenantId, key, requestHash));
  const earlier = claim === null ? null : replayOf(claim);
  if (earlier !== null) return earlier;
  const answer = await work();
  return await inTenant(db, tenantId, (tx) => answerOnce(tx, tenantId, idempotency, async () => answer));
}

interface Replay {
  status: number;
  body: unknown;
  replayed: true;
  afterCommit?: never;
}

function replayOf(claim: Claim): Replay | null {
  switch (claim.kind) {
    case 'new':
      return null;
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
    default:
      return claim satisfies never;
  }
}
