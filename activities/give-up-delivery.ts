import { inTenant } from '../src/db/client.ts';
import { disableEndpoint, endFailed, readDelivery } from '../src/db/webhook-deliveries.ts';
import { GONE } from './deliver-webhook.ts';
import type { ActivityDeps } from './index.ts';

/**
 * The three days of a delivery, less the longest wait between two attempts: Temporal makes no attempt that would come after
 * them, so the last may be that much earlier.
 */
const FAILING_FOR_MS = (3 * 24 - 4) * 3_600_000;

/** Ends a delivery that failed for good, and disables its endpoint when it took nothing in all that time, or is gone. */
export async function giveUpDelivery(
  { db, now }: ActivityDeps,
  tenantId: string,
  deliveryId: string,
): Promise<void> {
  const ref = { tenantId, deliveryId };
  await inTenant(db, tenantId, async (tx) => {
    const delivery = await readDelivery(tx, ref);
    if (delivery?.status !== 'pending') return;
    const at = new Date(now());
    await endFailed(tx, ref, at);
    const { endpoint, lastStatus } = delivery;
    const since = endpoint.failingSince;
    if (lastStatus === GONE) {
      await disableEndpoint(tx, endpoint, 'the receiver answered 410 Gone: it wants no more messages', at);
    } else if (since !== null && at.getTime() - since.getTime() >= FAILING_FOR_MS) {
      const reason = `no message could be delivered since ${since.toISOString()}`;
      await disableEndpoint(tx, endpoint, reason, at);
    }
  });
}
