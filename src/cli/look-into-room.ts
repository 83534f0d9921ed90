/** One look of an operator into the room of a LiveKit class: what it shows, and what follows from it where it is kept. */
import { pino } from 'pino';
import type { ActivityDeps } from '../../activities/index.ts';
import { createPresentMemories } from '../../activities/present-memory.ts';
import { verifyLiveKitRoom } from '../../activities/verify-livekit-room.ts';
import { calculateClass } from '../db/calculations.ts';
import { raisePlan } from '../db/change-class.ts';
import { readClassFacts } from '../db/class-facts.ts';
import { type ClassRef, type Database, inTenant } from '../db/client.ts';
import { findPeopleById } from '../db/people.ts';
import { readClass } from '../db/plans.ts';
import { policyOf } from '../db/policy-in-force.ts';
import { readIdentityForm } from '../db/tenants.ts';
import type { RoomListing } from '../livekit/answer.ts';
import { readIdentity } from '../livekit/identity-form.ts';
import type { LiveKitRooms } from '../livekit/rooms.ts';
import { createMeetAdapter } from '../meet/adapter.ts';
import { type NameOf, nameThem, personIdsOf } from './people-names.ts';
import { type RoomChanges, roomChanges } from './room-changes.ts';

export interface Look extends RoomChanges {
  room: string;
  listing: RoomListing;
  nameOf: NameOf;
}

/** Throws for a class that has no LiveKit room, and the LiveKitFault of a room that cannot be asked. */
export async function lookIntoRoom(db: Database, rooms: LiveKitRooms, ref: ClassRef): Promise<Look> {
  const { room, form } = await inTenant(db, ref.tenantId, async (tx) => {
    const { row, session } = await readClass(tx, ref);
    if (row.provider !== 'livekit' || session.roomName === null) {
      throw new Error(`class ${ref.classId} has no LiveKit room: it meets on ${row.provider}`);
    }
    if (row.status === 'cancelled') throw new Error(`class ${ref.classId} is cancelled`);
    return { room: session.roomName, form: await readIdentityForm(tx, ref.tenantId) };
  });
  const listing = await rooms.list(room);
  return await inTenant(db, ref.tenantId, async (tx) => {
    const { row, session } = await readClass(tx, ref);
    const facts = await readClassFacts(tx, ref, { row, session, policy: await policyOf(tx, row) });
    const named = listing.participants.flatMap(({ identity }) => readIdentity(form, identity).personId ?? []);
    const known = await findPeopleById(tx, ref.tenantId, named);
    const nameOf = await nameThem(tx, ref.tenantId, [...personIdsOf(facts.identities), ...known.keys()]);
    return { room, listing, nameOf, ...roomChanges(facts, listing, { form, known }) };
  });
}

/**
 * Keeps what was seen as the verification of the class does, by the same activity. A class that is settled is calculated
 * again, and one that waits for evidence is rung by the server.
 */
export async function keepLook(db: Database, rooms: LiveKitRooms, ref: ClassRef, look: Look): Promise<void> {
  const seen = { ...rooms, list: async () => look.listing };
  const kept = await verifyLiveKitRoom(activityDeps(db, seen), ref, { scope: 'present' });
  if (!kept.ok) throw kept.fault;
  await inTenant(db, ref.tenantId, async (tx) => {
    const { row } = await readClass(tx, ref, 'for update');
    if (row.status === 'completed' || row.status === 'incomplete') await calculateClass(tx, ref);
    if (row.status === 'reconciling') await raisePlan(tx, ref);
  });
}

function activityDeps(db: Database, livekit: LiveKitRooms): ActivityDeps {
  return {
    db,
    livekit,
    now: Date.now,
    // The rest is for activities that retry, and for classes that meet elsewhere.
    retry: { firstMs: 600_000, forMs: 604_800_000 },
    meet: createMeetAdapter({ serviceAccountKey: '' }),
    sendWebhook: () => Promise.reject(new Error('the server sends webhooks, not a look into a room')),
    log: pino({ level: 'silent' }),
    presentMemories: createPresentMemories(),
  };
}
