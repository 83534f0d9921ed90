/** Where other systems want to be told, what was sent there, and sending it again. */
import { and, asc, desc, eq, getTableColumns, gte, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import type { Tx } from './client.ts';
import { type OutgoingEvent, webhookDeliveries, webhookEndpoints, webhookMessages } from './schema.ts';
import type { DeliveryStatus } from './webhook-deliveries.ts';

export type EndpointRow = typeof webhookEndpoints.$inferSelect;
/** What may be shown of it, always. */
export type Endpoint = Omit<EndpointRow, 'secret' | 'previousSecret'>;
const { secret: _, previousSecret: __, ...shown } = getTableColumns(webhookEndpoints);

export interface Position {
  createdMs: number;
  id: string;
}

const ofTenant = (tenantId: string, id: string): SQL | undefined =>
  and(eq(webhookEndpoints.tenantId, tenantId), eq(webhookEndpoints.id, id));

/** Whether the school has so many that are enabled; nobody enables another one until the transaction ends. */
export async function hasEnabled(tx: Tx, tenantId: string, most: number): Promise<boolean> {
  await tx.execute(sql`select from tenants where tenant_id = ${tenantId} for no key update`);
  const enabled = await tx
    .select({ id: webhookEndpoints.id })
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.tenantId, tenantId), isNull(webhookEndpoints.disabledAt)))
    .limit(most);
  return enabled.length === most;
}

/** From now on messages are signed with the new secret, and until then with the old one too. Null: there is no endpoint. */
export async function rotateSecret(
  tx: Tx,
  tenantId: string,
  id: string,
  { secret, previousUntil }: { secret: string; previousUntil: Date },
): Promise<Endpoint | null> {
  const [changed] = await tx
    .update(webhookEndpoints)
    .set({ secret, previousSecret: webhookEndpoints.secret, previousUntil })
    .where(ofTenant(tenantId, id))
    .returning(shown);
  return changed ?? null;
}

export async function createEndpoint(
  tx: Tx,
  given: Pick<EndpointRow, 'tenantId' | 'url' | 'events' | 'secret' | 'createdBy' | 'createdAt'>,
): Promise<Endpoint> {
  const [made] = await tx.insert(webhookEndpoints).values(given).returning(shown);
  if (!made) throw new Error('an endpoint that was inserted did not come back');
  return made;
}

/** The first made first. */
export async function listEndpoints(
  tx: Tx,
  tenantId: string,
  { after, limit }: { after: Position | null; limit: number },
): Promise<Endpoint[]> {
  const { createdAt, id } = webhookEndpoints;
  return await tx
    .select(shown)
    .from(webhookEndpoints)
    .where(
      and(
        eq(webhookEndpoints.tenantId, tenantId),
        after === null ? undefined : sql`(${createdAt}, ${id}) > ${rowOf(after)}`,
      ),
    )
    .orderBy(asc(createdAt), asc(id))
    .limit(limit);
}

const rowOf = ({ createdMs, id }: Position): SQL =>
  sql`(${new Date(createdMs).toISOString()}::timestamptz, ${id}::uuid)`;

export async function readEndpoint(tx: Tx, tenantId: string, id: string): Promise<Endpoint | null> {
  const [found] = await tx.select(shown).from(webhookEndpoints).where(ofTenant(tenantId, id));
  return found ?? null;
}

export interface EndpointChange {
  url?: string | undefined;
  events?: OutgoingEvent[] | undefined;
  enabled?: boolean | undefined;
}

/** Null: there is none. Enabling takes the notice away; whoever disables what is disabled leaves the notice that is there. */
export async function changeEndpoint(
  tx: Tx,
  tenantId: string,
  id: string,
  { url, events, enabled }: EndpointChange,
  at: Date,
): Promise<Endpoint | null> {
  const { disabledAt, disabledReason } = webhookEndpoints;
  const [changed] = await tx
    .update(webhookEndpoints)
    .set({
      // What is not given stays, and a change of nothing still answers what is there.
      url: url ?? sql`${webhookEndpoints.url}`,
      // An address that was never tried has not failed.
      ...(url === undefined ? {} : { failingSince: null }),
      events: events ?? sql`${webhookEndpoints.events}`,
      ...(enabled === true ? { disabledAt: null, disabledReason: null, failingSince: null } : {}),
      ...(enabled === false
        ? {
            disabledAt: sql`coalesce(${disabledAt}, ${at.toISOString()}::timestamptz)`,
            disabledReason: sql`coalesce(${disabledReason}, ${BY_HAND})`,
          }
        : {}),
    })
    .where(ofTenant(tenantId, id))
    .returning(shown);
  return changed ?? null;
}

const BY_HAND = 'disabled by hand';

export interface SentRow {
  delivery: typeof webhookDeliveries.$inferSelect;
  event: OutgoingEvent;
  classId: string;
}

/** The latest first. */
export async function listDeliveries(
  tx: Tx,
  tenantId: string,
  endpointId: string,
  { status, after, limit }: { status: DeliveryStatus | undefined; after: Position | null; limit: number },
): Promise<SentRow[]> {
  const { createdAt, id } = webhookDeliveries;
  return await tx
    .select({ delivery: webhookDeliveries, event: webhookMessages.event, classId: webhookMessages.classId })
    .from(webhookDeliveries)
    .innerJoin(
      webhookMessages,
      and(
        eq(webhookMessages.tenantId, webhookDeliveries.tenantId),
        eq(webhookMessages.id, webhookDeliveries.messageId),
      ),
    )
    .where(
      and(
        eq(webhookDeliveries.tenantId, tenantId),
        eq(webhookDeliveries.endpointId, endpointId),
        status === undefined ? undefined : eq(webhookDeliveries.status, status),
        after === null ? undefined : sql`(${createdAt}, ${id}) < ${rowOf(after)}`,
      ),
    )
    .orderBy(desc(createdAt), desc(id))
    .limit(limit);
}

/** Another delivery of the message that this one carried. `false`: the endpoint has no such delivery. */
export async function replayOne(
  tx: Tx,
  tenantId: string,
  endpointId: string,
  deliveryId: string,
): Promise<boolean> {
  const [found] = await tx
    .select({ messageId: webhookDeliveries.messageId })
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.tenantId, tenantId),
        eq(webhookDeliveries.endpointId, endpointId),
        eq(webhookDeliveries.id, deliveryId),
      ),
    );
  if (!found) return false;
  await tx.insert(webhookDeliveries).values({ tenantId, endpointId, messageId: found.messageId });
  return true;
}

/**
 * Another delivery of every message since then that the endpoint subscribes to now, also of those that it was not sent
 * because it was disabled: the oldest, at most so many. `next`: the last of them, where more are left.
 */
export async function replaySince(
  tx: Tx,
  { tenantId, id: endpointId, events }: Endpoint,
  { since, after }: { since: Date; after: Position | null },
  most: number,
): Promise<{ count: number; next: Position | null }> {
  const found = await tx
    .select({ messageId: webhookMessages.id, createdAt: webhookMessages.createdAt })
    .from(webhookMessages)
    .where(
      and(
        eq(webhookMessages.tenantId, tenantId),
        gte(webhookMessages.createdAt, since),
        after === null
          ? undefined
          : sql`(${webhookMessages.createdAt}, ${webhookMessages.id}) > ${rowOf(after)}`,
        inArray(webhookMessages.event, events),
      ),
    )
    .orderBy(asc(webhookMessages.createdAt), asc(webhookMessages.id))
    .limit(most + 1);
  const again = found.slice(0, most);
  if (again.length > 0) {
    await tx
      .insert(webhookDeliveries)
      .values(again.map(({ messageId }) => ({ tenantId, endpointId, messageId })));
  }
  const last = found.length > most ? again.at(-1) : undefined;
  return {
    count: again.length,
    next: last ? { createdMs: last.createdAt.getTime(), id: last.messageId } : null,
  };
}
