/**
 * What follows from a stored delivery, after it was acknowledged: the class is rung when its room became occupied, empty
 * or closed, and when it waits for evidence. A look that fails is repeated. With the process it is lost: then a live class
 * finds out one verification interval later, and the sweeper rings one that waits for evidence; no data is lost.
 */
import { type ClassRef, classKey, inTenant } from '../db/client.ts';
import { noteOccupancy } from '../db/occupancy.ts';
import type { StoredDelivery } from '../ingest/store-deliveries.ts';
import type { Delivery } from '../livekit/read-webhook.ts';
import { loggable } from '../loggable.ts';
import type { Deps } from './route.ts';

export interface RoomNews {
  tell(delivery: Delivery, stored: StoredDelivery): void;
}

/** A class arrives within a moment: looked at once for all who came, and not once for each. */
const GATHER_MS = 250;
/** A class is rung once a minute at most, so its room is not looked at all the time either; nor when a look failed. */
const LOOK_AGAIN_MS = 10_000;
/** What was learned of a room is forgotten after so long without news. */
const FORGET_MS = 3_600_000;

interface Room {
  ref: ClassRef;
  /** By the last look of this server; null before the first. */
  occupied: boolean | null;
  lookedMs: number;
  /** A look is due, and with it a ring whether or not the occupancy changed. */
  due: 'no' | 'look' | 'ring';
  /** The last look did. */
  failed: boolean;
}

type DueRoom = Room & { due: 'look' | 'ring' };

export function createRoomNews(deps: Pick<Deps, 'db' | 'now' | 'log' | 'evidenceBell'>): RoomNews {
  const rooms = new Map<string, Room>();
  let scheduled = false;

  const look = async (tenantId: string, of: DueRoom[]): Promise<void> => {
    const rings = await inTenant(deps.db, tenantId, async (tx) => {
      const ids = of.map(({ ref }) => ref.classId);
      const found = new Map((await noteOccupancy(tx, tenantId, ids)).map((one) => [one.classId, one]));
      const prepared: (() => Promise<void>)[] = [];
      for (const { ref, due } of of) {
        const { changed = false, occupied = null } = found.get(ref.classId) ?? {};
        const room = rooms.get(classKey(ref));
        if (room) room.occupied = occupied;
        if (changed || due === 'ring') prepared.push(await deps.evidenceBell.prepare(tx, ref));
      }
      return prepared;
    });
    await Promise.all(rings.map((ring) => ring()));
  };

  const lookAtDue = (): void => {
    scheduled = false;
    const nowMs = deps.now();
    const due: DueRoom[] = [];
    let waiting = false;
    for (const [key, room] of rooms) {
      const lately = nowMs - room.lookedMs < LOOK_AGAIN_MS;
      if (room.due === 'no') {
        if (nowMs - room.lookedMs > FORGET_MS) rooms.delete(key);
      } else if (lately && (room.due === 'look' || room.failed)) {
        waiting = true;
      } else {
        due.push({ ...room, due: room.due });
        room.due = 'no';
        room.failed = false;
        room.lookedMs = nowMs;
      }
    }
    if (waiting) schedule();
    for (const [tenantId, of] of Map.groupBy(due, ({ ref }) => ref.tenantId)) {
      void look(tenantId, of).catch((error: unknown) => {
        deps.log.warn({ failure: loggable(error), tenant: tenantId }, 'the news of a room were not told');
        putBack(of);
      });
    }
  };
  const putBack = (of: DueRoom[]): void => {
    for (const { ref, due } of of) {
      const room = rooms.get(classKey(ref));
      if (room === undefined) continue;
      // A ring that became due meanwhile is more than a look.
      if (room.due !== 'ring') room.due = due;
      room.failed = true;
    }
    schedule();
  };
  const schedule = (): void => {
    if (!scheduled) setTimeout(lookAtDue, GATHER_MS).unref();
    scheduled = true;
  };

  return {
    tell(delivery, { as, ref, late }) {
      if (as !== 'accepted' || ref === null || delivery.kind !== 'evidence' || late === 'settled') return;
      const { kind, participant } = delivery.evidence;
      if (participant?.kind === 'machine') return;
      const room = rooms.get(classKey(ref)) ?? {
        ref,
        occupied: null,
        lookedMs: Number.NEGATIVE_INFINITY,
        due: 'no',
        failed: false,
      };
      rooms.set(classKey(ref), room);
      // Whoever comes into a room that is occupied changes nothing; another server may know that it is no longer.
      const known = deps.now() - room.lookedMs < LOOK_AGAIN_MS;
      if (late === null && kind === 'joined' && room.occupied && known) return;
      if (late === 'waiting' || kind === 'room_closed') room.due = 'ring';
      else if (room.due === 'no') room.due = 'look';
      schedule();
    },
  };
}
