/** One look into a LiveKit room: what deliveries lost, a listing shows. */
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { noteBusy, planOf, readClass } from '../src/db/plans.ts';
import { seenInRoom } from '../src/db/seen-in-room.ts';
import { readIdentityForm } from '../src/db/tenants.ts';
import { storeLiveKitListing } from '../src/ingest/store-livekit-listing.ts';
import type { RoomListing } from '../src/livekit/answer.ts';
import { LiveKitFault } from '../src/livekit/fault.ts';
import { type IdentityForm, readIdentity } from '../src/livekit/identity-form.ts';
import type { Captured, Found, Scope } from './captured.ts';
import type { ActivityDeps } from './index.ts';
import { livekitRooms } from './livekit-rooms.ts';
import { noteProblem } from './note-problem.ts';

/**
 * Lists the room of a class and stores the listing. A fault of LiveKit's is returned, is on the class by then, and changes
 * nothing about anybody; anything else is thrown.
 * @param query.scope `all`: the class is over, and a listing from the end on is wanted
 * @param query.shared an answer that is a few seconds old will do, also when a delivery has told of something since
 */
export async function verifyLiveKitRoom(
  deps: ActivityDeps,
  ref: ClassRef,
  { scope, shared = false }: { scope: Scope; shared?: boolean },
): Promise<Captured> {
  const atMs = deps.now();
  const { roomName, windowEndMs, form } = await inTenant(deps.db, ref.tenantId, async (tx) => {
    await noteBusy(tx, ref, atMs);
    const { row, session } = await readClass(tx, ref);
    const { windowEndMs } = await planOf(tx, row, session, deps.retry);
    return { roomName: session.roomName, windowEndMs, form: await readIdentityForm(tx, ref.tenantId) };
  });
  try {
    if (roomName === null) throw new LiveKitFault('not_found', 'never', 'the class has no LiveKit room');
    const notBeforeMs = scope === 'all' ? Math.min(windowEndMs, atMs) : atMs;
    const listing = await livekitRooms(deps, ref.tenantId).list(roomName, shared ? {} : { notBeforeMs });
    return { ok: true, found: await store(deps, ref, form, listing), problem: null };
  } catch (error) {
    if (!(error instanceof LiveKitFault)) throw error;
    await inTenant(deps.db, ref.tenantId, (tx) => noteProblem(tx, ref, error, deps.now()));
    return { ok: false, source: 'livekit', scope: 'present', fault: error, atMs };
  }
}

async function store(
  { db, now }: ActivityDeps,
  ref: ClassRef,
  form: IdentityForm,
  listing: RoomListing,
): Promise<Found> {
  const seen = await inTenant(db, ref.tenantId, async (tx) => {
    await storeLiveKitListing(tx, ref, form, listing);
    await noteProblem(tx, ref, null, now());
    return await seenInRoom(tx, ref);
  });
  return {
    atMs: listing.atMs,
    present: presentIn(listing, form),
    participants: seen.people,
    conferences: seen.instances,
    // A room in which nobody has been yet, and that was never seen, has not closed.
    roomsClosed: !listing.roomExisted && seen.instances > 0,
    roomMissing: !listing.roomExisted,
  };
}

/** People, each once however many devices they are in with. */
function presentIn({ connections, participants }: RoomListing, form: IdentityForm): number {
  const machines = new Set(
    participants.filter(({ kind }) => kind === 'machine').map(({ identity }) => identity),
  );
  const people = connections.filter(({ identity }) => !machines.has(identity));
  return new Set(people.map(({ identity }) => readIdentity(form, identity).identity)).size;
}
