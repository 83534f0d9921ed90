/** Who was in a LiveKit room: stored once, and tied to the person whom a join token named. */
import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Tx } from '../db/client.ts';
import { identities, people } from '../db/schema.ts';
import type { RoomParticipant } from '../livekit/answer.ts';
import { type IdentityForm, readIdentity } from '../livekit/identity-form.ts';
import { matchInClasses } from './identities.ts';

export interface MetInRoom {
  classId: string;
  participant: RoomParticipant;
}

/**
 * The identity of one of our tokens is proof of who it is, as an e-mail of the directory is; anybody else waits in the
 * review queue, a display name never matches. Machines are kept as what they are.
 */
export async function registerParticipants(
  tx: Tx,
  tenantId: string,
  form: IdentityForm,
  met: readonly MetInRoom[],
): Promise<void> {
  const known = new Map<string, { participant: RoomParticipant; personId: string | null }>();
  const pairs = new Map<string, { classId: string; identity: string }>();
  for (const { classId, participant } of met) {
    const { identity, personId } = readIdentity(form, participant.identity);
    known.set(identity, { participant, personId: participant.kind === 'machine' ? null : personId });
    pairs.set(`${classId}\n${identity}`, { classId, identity });
  }
  if (known.size === 0) return;
  const emails = await emailsOf(
    tx,
    tenantId,
    [...known.values()].flatMap(({ personId }) => personId ?? []),
  );
  await tx
    .insert(identities)
    // In one order for everybody, so that two who store the same never wait for each other in a circle.
    .values(
      [...known]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([identity, { participant, personId }]) => ({
          tenantId,
          source: 'livekit',
          identity,
          kind: participant.kind,
          displayName: participant.displayName,
          email: personId === null ? null : (emails.get(personId) ?? null),
        })),
    )
    .onConflictDoUpdate({
      target: [identities.tenantId, identities.source, identities.identity],
      // The person was made after the identity was first seen.
      set: { email: sql`excluded.email` },
      setWhere: sql`${identities.email} is null and excluded.email is not null`,
    });
  await matchInClasses(tx, tenantId, 'livekit', [...pairs.values()], 'token');
}

async function emailsOf(tx: Tx, tenantId: string, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await tx
    .select({ id: people.id, email: people.email })
    .from(people)
    .where(and(eq(people.tenantId, tenantId), inArray(people.id, ids)));
  return new Map(rows.map(({ id, email }) => [id, email]));
}
