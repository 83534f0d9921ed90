import { type ParticipantInfo, ParticipantInfo_State, type Room } from '@livekit/protocol';
import { RoomServiceClient } from 'livekit-server-sdk';
import type { RoomListing } from './answer.ts';
import { LiveKitFault } from './fault.ts';
import type { LiveKitSettings } from './keys.ts';
import { identityOf, participantKind } from './participant-kind.ts';
import { readFault } from './read-fault.ts';
import { joinedAt } from './read-webhook.ts';
import { shareListings } from './shared-listings.ts';
import { takingTurns } from './turns.ts';

/** LiveKit's rooms in our words. Every function throws LiveKitFault and nothing else. Nothing is repeated. */
export interface LiveKitRooms {
  /** Whose own the key is that signs; what is told of anybody else's rooms would be taken for theirs. Null: for all. */
  readonly ownTenant: string | null;
  /**
   * Who is in the room now. Shared for 10 s per room (one call answers everybody who asks), unless it must not be older
   * than `notBeforeMs`, UTC milliseconds.
   */
  list(room: string, options?: { notBeforeMs?: number }): Promise<RoomListing>;
  /**
   * Makes the room, or leaves the one that is there, whose times stay as they are. It stays while empty for
   * `keepForSeconds`, from its making and again from the last leave.
   */
  create(room: string, options: { keepForSeconds: number }): Promise<void>;
  /** Machines do not keep it open; somebody who is just coming in does. */
  deleteIfEmpty(room: string): Promise<'deleted' | 'occupied' | 'missing'>;
  /** Everybody out. A room that is not there is closed already. */
  close(room: string): Promise<void>;
}

/** Than the counting window: our clock and LiveKit's differ, and whoever deletes the room at the end wants to find it. */
export const KEPT_LONGER_SECONDS = 60;
/** Shorter than an activity's own timeout, and far longer than LiveKit takes. */
const TIMEOUT_MS = 5_000;
/** A thousand rooms are listed within seconds, and LiveKit has its hands free for the calls. */
const MOST_AT_ONCE = 8;
const FRESH_MS = 10_000;
/** A room that is closed and made anew while it is being listed, twice in a row, is not a room to tell about. */
const TRIES = 3;

/**
 * @param options.now our clock, UTC milliseconds
 * @param options.timeoutMs for each call, and for the wait before it while others are served; default 5,000
 */
export function createLiveKitRooms(options: {
  settings: LiveKitSettings;
  now: () => number;
  timeoutMs?: number;
}): LiveKitRooms {
  const { settings, now, timeoutMs = TIMEOUT_MS } = options;
  const { url, key } = settings;
  const client = new RoomServiceClient(url, key.apiKey, key.secret, {
    // In eighths of a second: the SDK multiplies by a thousand, and a timer of fetch takes whole numbers only.
    requestTimeout: Math.max(1, Math.round(timeoutMs / 125)) / 8,
    // It would ask other regions of LiveKit Cloud for longer than the timeout; the task queue repeats.
    failover: false,
  });
  const inTurn = takingTurns({ most: MOST_AT_ONCE, patienceMs: timeoutMs });
  const shared = shareListings({ ask, now, freshMs: FRESH_MS });

  /** `atMs`: when it was asked, after the wait for its turn. */
  async function call<T>(doing: string, work: () => Promise<T>): Promise<{ atMs: number; answer: T }> {
    try {
      return await inTurn(async () => ({ atMs: now(), answer: await work() }));
    } catch (error) {
      throw readFault(error, { doing, url, timeoutMs });
    }
  }

  async function find(room: string): Promise<{ atMs: number; found: Room | undefined }> {
    const { atMs, answer } = await call(`look for the room ${room}`, () => client.listRooms([room]));
    return { atMs, found: answer.find(({ name }) => name === room) };
  }

  /**
   * LiveKit lists nobody both for an empty room and for one that is not there, and does not say of which instance it
   * speaks. So the room is looked for before and after: only the instance that is there both times was listed.
   */
  async function ask(room: string): Promise<RoomListing> {
    for (let tried = 0; tried < TRIES; tried++) {
      const before = await find(room);
      if (before.found === undefined) {
        return { ...NOBODY, atMs: before.atMs };
      }
      const listed = await call(`list who is in the room ${room}`, () => client.listParticipants(room));
      const after = await find(room);
      if (after.found?.sid === before.found.sid) return listingOf(listed.atMs, before.found, listed.answer);
    }
    throw new LiveKitFault('unavailable', 'retry', `the room ${room} was made anew each time it was listed`);
  }

  /** False: it was not there. */
  async function remove(room: string): Promise<boolean> {
    try {
      await call(`close the room ${room}`, () => client.deleteRoom(room));
      return true;
    } catch (error) {
      if (error instanceof LiveKitFault && error.code === 'not_found') return false;
      throw error;
    } finally {
      shared.forget(room);
    }
  }

  return {
    ownTenant: key.tenantId,
    list: (room, { notBeforeMs } = {}) => shared.list(room, notBeforeMs),
    async create(room, { keepForSeconds }) {
      // 0 would be the default of the server.
      const seconds = Math.max(1, Math.ceil(keepForSeconds));
      const wanted = { name: room, emptyTimeout: seconds, departureTimeout: seconds };
      try {
        await call(`make the room ${room}`, () => client.createRoom(wanted));
      } finally {
        shared.forget(room);
      }
    },
    async deleteIfEmpty(room) {
      const { roomExisted, participants } = await shared.list(room, now());
      if (!roomExisted) return 'missing';
      if (participants.some(({ kind }) => kind !== 'machine')) return 'occupied';
      return (await remove(room)) ? 'deleted' : 'missing';
    },
    close: async (room) => void (await remove(room)),
  };
}

const NOBODY = { roomExisted: false, rooms: [], connections: [], joining: [], participants: [] };
/** Before `ACTIVE`; some never become it. */
const COMING = [ParticipantInfo_State.JOINING, ParticipantInfo_State.JOINED];

function listingOf(atMs: number, room: Room, listed: readonly ParticipantInfo[]): RoomListing {
  return {
    atMs,
    roomExisted: true,
    rooms: [{ room: room.sid, startMs: madeAt(room) ?? atMs, endMs: null }],
    connections: listed
      .filter(({ state }) => state === ParticipantInfo_State.ACTIVE)
      .map((one) => ({
        connection: one.sid,
        room: room.sid,
        identity: storable(identityOf(one)),
        startMs: joinedAt(one) ?? atMs,
        endMs: null,
      })),
    joining: listed.filter(({ state }) => COMING.includes(state)).map(({ sid }) => sid),
    participants: listed.map((one) => ({
      identity: storable(identityOf(one)),
      kind: participantKind(one),
      displayName: storable(one.name === '' ? one.identity : one.name),
    })),
  };
}

function madeAt({ creationTime: seconds, creationTimeMs }: Room): number | null {
  if (creationTimeMs > 0n) return Number(creationTimeMs);
  return seconds > 0n ? Number(seconds) * 1_000 : null;
}

/** PostgreSQL stores no NUL; one such name must not lose the whole listing. */
const storable = (text: string): string => text.replaceAll('\0', '');
