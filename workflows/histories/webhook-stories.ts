/** A message to another system, taken and refused. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Stage, schedule, soon, TENANT } from './stage.ts';

interface Delivery {
  id: string;
  status: string;
  last_status: number | null;
}

/** Answers the id of the workflow of a delivery that was answered so, when it has ended. */
async function deliver(stage: Stage, status: number): Promise<string> {
  const receiver = createServer((req, res) => {
    req.resume().on('end', () => res.writeHead(status).end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  try {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const given = { url, events: ['class.opened'] };
    const { id: endpoint } = await stage.api.send<{ id: string }>('POST', '/api/webhooks', given);
    await schedule(stage, soon(1), { provider: 'whiteboard' });
    const id = await endedDelivery(stage, endpoint, status);
    await stage.api.send('PATCH', `/api/webhooks/${endpoint}`, { enabled: false });
    return `webhook/${TENANT}/${id}`;
  } finally {
    receiver.close();
  }
}

async function endedDelivery({ api }: Stage, endpoint: string, status: number): Promise<string> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const { items } = await api.get<{ items: Delivery[] }>(`/api/webhooks/${endpoint}/deliveries`);
    // Of all that is told meanwhile about the classes of other stories, any will do.
    const found = items.find((one) => one.status !== 'pending' && one.last_status === status);
    if (found) return found.id;
    await sleep(100);
  }
  throw new Error(`no delivery was answered ${status} within a minute`);
}

/** By the name of the story. Each answers the id of its workflow. */
export const WEBHOOK_STORIES: Record<string, (stage: Stage) => Promise<string>> = {
  'webhook-delivered': (stage) => deliver(stage, 204),
  'webhook-gone': (stage) => deliver(stage, 410),
};
