import { inTenant } from '../src/db/client.ts';
import { disableEndpoint, endFailed, readDelivery } from '../src/db/webhook-deliveries.ts';
import { GIVEN_UP_AFTER_MS, GONE, LONGEST_WAIT_MS } from './deliver-webhook.ts';
import type { ActivityDeps } from './index.ts';

/**
 * The three days of a delivery, less the longest wait between two attempts: Temporal makes no attempt that would come after
 * them, so the last may be that much earlier.
 */
const FAILING_FOR_MS = GIVEN_UP_AFTER_MS - LONGEST_WAIT_MS;

/** Ends a delivery that failed for good, and disables its endpoint when it took nothing in all that time, or is gone. */
export async function giveUpDelivery(
  { db, now, log }: ActivityDeps,
  tenantId: string,
  deliveryId: string,
): Promise<void> {
  const ref = { tenantId, deliveryId };
  const disabled = await inTenant(db, tenantId, async (tx) => {
    const delivery = await readDelivery(tx, ref);
    if (delivery?.status !== 'pending') return null;
    const at = new Date(now());
    await endFailed(tx, ref, at);
    const { endpoint, lastStatus } = delivery;
    const reason = whyDisabled(lastStatus, endpoint.failingSince, at);
    if (reason === null || !(await disableEndpoint(tx, endpoint, reason, at))) return null;
    return { endpoint: endpoint.id, reason };
  });
  if (disabled !== null)
    log.warn({ tenantId, ...disabled }, 'an endpoint is disabled: it is told nothing any more');
}

function whyDisabled(lastStatus: number | null, since: Date | null, at: Date): string | null {
  if (lastStatus === GONE) return 'the receiver answered 410 Gone: it wants no more messages';
  if (since === null || at.getTime() - since.getTime() < FAILING_FOR_MS) return null;
  return `no message could be delivered since ${since.toISOString()}`;
}
