/** LiveKit as classes in tests see it: people come and go by a script, at the time of the test. */
import type { ParticipantKind, RoomListing } from '../livekit/answer.ts';
import { LiveKitFault } from '../livekit/fault.ts';
import type { LiveKitRooms } from '../livekit/rooms.ts';

export interface ScriptedStay {
  room: string;
  identity: string;
  fromMs: number;
  untilMs: number;
  kind?: ParticipantKind;
}

interface Call {
  name: keyof LiveKitRooms;
  room: string;
  atMs: number;
}

export interface TestLiveKit extends LiveKitRooms {
  /** Everything that was asked, also what was refused. */
  calls: Call[];
  /** Of each room that was made: how long it was to be kept while empty. */
  kept: { room: string; forSeconds: number }[];
  /** What every call gets instead of an answer. */
  fault: LiveKitFault | null;
  stay(stay: ScriptedStay): void;
  /** Its instance closes at this instant, as when somebody deletes it. */
  closeAt(room: string, atMs: number): void;
}

interface Instance {
  sid: string;
  startMs: number;
  endMs: number;
}

/** As LiveKit: whoever comes makes the room, one that is there is left as it is, and an empty one is closed in the end. */
export function createTestLiveKit(now: () => number): TestLiveKit {
  const instances = new Map<string, Instance[]>();
  const stays: ScriptedStay[] = [];
  const closings: { room: string; atMs: number }[] = [];
  const test: Pick<TestLiveKit, 'calls' | 'kept' | 'fault'> = { calls: [], kept: [], fault: null };

  const ask = (name: keyof LiveKitRooms, room: string): void => {
    test.calls.push({ name, room, atMs: now() });
    if (test.fault) throw test.fault;
  };
  const isIn = ({ room, fromMs, untilMs }: ScriptedStay, of: string, atMs: number): boolean =>
    room === of && fromMs <= atMs && atMs < untilMs;
  const inRoom = (room: string): ScriptedStay[] => stays.filter((stay) => isIn(stay, room, now()));

  function make(room: string, startMs: number, endMs: number): Instance {
    const all = instances.get(room) ?? [];
    const instance = { sid: `RM_${room}_${all.length + 1}`, startMs, endMs };
    instances.set(room, [...all, instance]);
    return instance;
  }

  function openInstance(room: string): Instance | undefined {
    for (const one of instances.get(room) ?? []) {
      const closing = closings.find((at) => at.room === room && at.atMs > one.startMs && at.atMs < one.endMs);
      if (closing && closing.atMs <= now()) one.endMs = closing.atMs;
    }
    const open = instances.get(room)?.find(({ endMs }) => now() < endMs);
    const [first] = inRoom(room).sort((a, b) => a.fromMs - b.fromMs);
    return open ?? (first && make(room, first.fromMs, Number.POSITIVE_INFINITY));
  }

  function remove(room: string): boolean {
    const open = openInstance(room);
    if (open) open.endMs = now();
    return open !== undefined;
  }

  return Object.assign(test, {
    ownTenant: null,
    async list(room: string): Promise<RoomListing> {
      ask('list', room);
      const instance = openInstance(room);
      if (!instance) {
        return { atMs: now(), roomExisted: false, rooms: [], connections: [], joining: [], participants: [] };
      }
      const present = inRoom(room);
      return {
        atMs: now(),
        roomExisted: true,
        rooms: [{ room: instance.sid, startMs: instance.startMs, endMs: null }],
        connections: present.map(({ identity, fromMs }) => ({
          connection: `PA_${identity}_${fromMs}`,
          room: instance.sid,
          identity,
          startMs: fromMs,
          endMs: null,
        })),
        joining: [],
        participants: present.map(({ identity, kind = 'signed_in' }) => ({
          identity,
          kind,
          displayName: `Name of ${identity}`,
        })),
      };
    },
    async create(room: string, { keepForSeconds }: { keepForSeconds: number }) {
      ask('create', room);
      test.kept.push({ room, forSeconds: keepForSeconds });
      if (!openInstance(room)) make(room, now(), now() + keepForSeconds * 1_000);
    },
    async deleteIfEmpty(room: string) {
      ask('deleteIfEmpty', room);
      if (inRoom(room).some(({ kind }) => kind !== 'machine')) return 'occupied' as const;
      return remove(room) ? ('deleted' as const) : ('missing' as const);
    },
    async close(room: string) {
      ask('close', room);
      remove(room);
    },
    stay: (stay: ScriptedStay) => void stays.push(stay),
    closeAt: (room: string, atMs: number) => void closings.push({ room, atMs }),
  });
}

/** LiveKit cannot be reached. */
export const AWAY = new LiveKitFault('unavailable', 'retry', 'cannot reach LiveKit at ws://livekit.example');
/** LiveKit refuses us until somebody changes something. */
export const REFUSED = new LiveKitFault('unauthenticated', 'never', 'ws://livekit.example refuses our key', {
  cure: 'set LIVEKIT_API_KEY and LIVEKIT_API_SECRET',
});
