/** Hands one message to one endpoint, however often it takes, for three days. */
import { isCancellation } from '@temporalio/workflow';
import { giveUpDelivery, postWebhook } from './activity-options.ts';

export interface WebhookDelivery {
  tenantId: string;
  deliveryId: string;
}

export async function deliverWebhook({ tenantId, deliveryId }: WebhookDelivery): Promise<string> {
  try {
    return await postWebhook(tenantId, deliveryId);
  } catch (error) {
    if (isCancellation(error)) throw error;
    await giveUpDelivery(tenantId, deliveryId);
    return 'failed';
  }
}
