import type { ClassRef, Tx } from '../db/client.ts';
import { sweeps } from '../db/schema.ts';
import type { RoomListing } from '../livekit/answer.ts';
import { type IdentityForm, readIdentity } from '../livekit/identity-form.ts';
import { registerParticipants } from './livekit-identities.ts';

/**
 * Stores one listing of a room whole, as a sweep, and who was in it. It makes no events: what a delivery told is in the
 * log already, and what no delivery told the rules find in the sweep and flag it.
 */
export async function storeLiveKitListing(
  tx: Tx,
  ref: ClassRef,
  form: IdentityForm,
  listing: RoomListing,
): Promise<void> {
  const met = listing.participants.map((participant) => ({ classId: ref.classId, participant }));
  await registerParticipants(tx, ref.tenantId, form, met);
  await tx
    .insert(sweeps)
    .values({
      tenantId: ref.tenantId,
      classId: ref.classId,
      source: 'livekit',
      at: new Date(listing.atMs),
      ok: true,
      scope: 'present',
      roomExisted: listing.roomExisted,
      rooms: listing.rooms,
      connections: listing.connections.map((connection) => ({
        ...connection,
        identity: readIdentity(form, connection.identity).identity,
      })),
      joining: listing.joining,
    })
    // Of an answer that was shared, or stored before the activity was tried again.
    .onConflictDoNothing();
}
