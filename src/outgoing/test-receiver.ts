/** A receiver of messages on a port of its own, and endpoints that lead to it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eq } from 'drizzle-orm';
import { type ClassRef, type Database, inTenant } from '../db/client.ts';
import { OUTGOING_EVENTS } from '../db/outgoing.ts';
import { webhookDeliveries, webhookEndpoints, webhookMessages } from '../db/schema.ts';
import { ensureTenant } from '../db/tenants.ts';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface TestReceiver {
  url: string;
  received: Received[];
  /** What the next calls are answered with; the last of them from then on. */
  answers: ((res: ServerResponse) => void)[];
  stop(): Promise<void>;
}

export const status =
  (code: number, headers: Record<string, string> = {}) =>
  (res: ServerResponse): void => {
    res.writeHead(code, headers).end();
  };

export async function startReceiver(): Promise<TestReceiver> {
  const receiver: TestReceiver = { url: '', received: [], answers: [status(200)], stop: async () => {} };
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    receiver.received.push({
      path: req.url ?? '',
      headers: req.headers,
      body: Buffer.concat(chunks).toString(),
    });
    const [first] = receiver.answers.length > 1 ? receiver.answers.splice(0, 1) : receiver.answers;
    first?.(res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  receiver.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return receiver;
}

export type EndpointRow = typeof webhookEndpoints.$inferSelect;

/** Stores an endpoint, for every event unless told otherwise. */
export async function storeEndpoint(
  db: Database,
  given: Partial<typeof webhookEndpoints.$inferInsert> & { url: string },
): Promise<EndpointRow> {
  const tenantId = given.tenantId ?? 'school';
  return await inTenant(db, tenantId, async (tx) => {
    await ensureTenant(tx, tenantId);
    const [row] = await tx
      .insert(webhookEndpoints)
      .values({
        tenantId,
        events: [...OUTGOING_EVENTS],
        secret: `whsec_${randomBytes(32).toString('base64')}`,
        createdBy: 'admin@school.example',
        ...given,
      })
      .returning();
    if (!row) throw new Error('no endpoint was stored');
    return row;
  });
}

export async function endpointRow(db: Database, { tenantId, id }: EndpointRow): Promise<EndpointRow> {
  const rows = await inTenant(db, tenantId, (tx) =>
    tx.select().from(webhookEndpoints).where(eq(webhookEndpoints.id, id)),
  );
  const [row] = rows;
  if (!row) throw new Error('the endpoint is gone');
  return row;
}

export type DeliveryRow = typeof webhookDeliveries.$inferSelect;

export async function deliveryRows(db: Database, tenantId = 'school'): Promise<DeliveryRow[]> {
  return await inTenant(db, tenantId, (tx) =>
    tx.select().from(webhookDeliveries).orderBy(webhookDeliveries.createdAt),
  );
}

export async function messageRows(db: Database, tenantId = 'school') {
  return await inTenant(db, tenantId, (tx) =>
    tx.select().from(webhookMessages).orderBy(webhookMessages.createdAt),
  );
}

/** A message that is on its way to an endpoint. */
export async function storeDelivery(
  db: Database,
  { tenantId, classId }: ClassRef,
  endpoint: EndpointRow,
  given: Partial<DeliveryRow> = {},
): Promise<DeliveryRow> {
  return await inTenant(db, tenantId, async (tx) => {
    const messageId = randomUUID();
    const payload = {
      type: 'class.opened',
      timestamp: new Date().toISOString(),
      data: { class_id: classId },
    };
    await tx
      .insert(webhookMessages)
      .values({ tenantId, id: messageId, classId, event: 'class.opened', payload });
    const [row] = await tx
      .insert(webhookDeliveries)
      .values({ tenantId, messageId, endpointId: endpoint.id, ...given })
      .returning();
    if (!row) throw new Error('no delivery was stored');
    return row;
  });
}
