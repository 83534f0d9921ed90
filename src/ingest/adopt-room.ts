/** Deliveries came for a room before any class had it. When one has, they are its evidence. */
import { sql } from 'drizzle-orm';
import type { ClassRef, Tx } from '../db/client.ts';
import { readIdentityForm } from '../db/tenants.ts';
import { readDelivery } from '../livekit/read-webhook.ts';
import { appendEvents, contentHash } from './append-events.ts';
import { registerParticipants } from './livekit-identities.ts';
import { newEvent } from './store-deliveries.ts';

/**
 * Adopts what was set aside for the room of the class; what is there already stays. Answers how many were new. Until `tx` has
 * ended nothing is set aside for the room (drizzle/0014_one_claim_each.sql): what comes meanwhile finds the class.
 */
export async function adoptRoom(tx: Tx, ref: ClassRef, roomName: string): Promise<number> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`room ${roomName}`}, 0))`);
  const aside = await tx.execute<{ raw: string; received_ms: number }>(
    sql`select raw, extract(epoch from received_at)::float8 * 1000 as received_ms from rollcall_set_aside_for(${roomName})`,
  );
  if (aside.length === 0) return 0;
  const form = await readIdentityForm(tx, ref.tenantId);
  const found = aside.flatMap(({ raw, received_ms: receivedMs }) => {
    const delivery = readDelivery(Buffer.from(raw), receivedMs);
    return delivery.kind === 'evidence' ? [delivery] : [];
  });
  const appended = await appendEvents(
    tx,
    ref.tenantId,
    found.map((delivery) => {
      const event = newEvent('', delivery, form);
      // As it is when the delivery comes once more: that is a duplicate.
      return { ...event, classId: ref.classId, contentHash: contentHash(event), raw: delivery.raw };
    }),
  );
  const met = found.flatMap(({ evidence: { participant } }) =>
    participant === undefined ? [] : [{ classId: ref.classId, participant }],
  );
  await registerParticipants(tx, ref.tenantId, form, met);
  return appended.accepted.length;
}
