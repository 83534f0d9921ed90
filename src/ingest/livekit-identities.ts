/** Who was in a LiveKit room: stored once, and tied to the person whom a join token named. */
import { sql } from 'drizzle-orm';
import type { Tx } from '../db/client.ts';
import type { RoomParticipant } from '../livekit/answer.ts';
import { type IdentityForm, readIdentity } from '../livekit/identity-form.ts';

interface MetInRoom {
  classId: string;
  participant: RoomParticipant;
}

/**
 * How `rollcall_register_participants` takes somebody (drizzle/0011_registered_in_one.sql), beside tenant_id and class_id. The
 * identity of one of our tokens is proof of who it is, as an e-mail of the directory is; anybody else waits in the
 * review queue, a display name never matches. Machines are kept as what they are.
 */
export function asMet(form: IdentityForm, { identity: raw, kind, displayName }: RoomParticipant) {
  const { identity, personId } = readIdentity(form, raw);
  return { identity, person_id: kind === 'machine' ? null : personId, kind, display_name: displayName };
}

export async function registerParticipants(
  tx: Tx,
  tenantId: string,
  form: IdentityForm,
  met: readonly MetInRoom[],
): Promise<void> {
  if (met.length === 0) return;
  const all = met.map(({ classId, participant }) => ({
    tenant_id: tenantId,
    class_id: classId,
    ...asMet(form, participant),
  }));
  await tx.execute(sql`select rollcall_register_participants(${JSON.stringify(all)}::jsonb, tells => true)`);
}
