/**
 * What the rules look at: plain data about one class, read from the database by the caller.
 * Every instant is UTC milliseconds, every interval half-open.
 */

export type Provider = 'meet' | 'livekit' | 'whiteboard';
export type RosterRole = 'teacher' | 'student';
export type EventKind = 'joined' | 'left' | 'aborted' | 'seen' | 'heartbeat' | 'room_opened' | 'room_closed';

export interface RosterEntry {
  personId: string;
  role: RosterRole;
}

/** One immutable row of the log. */
export interface EvidenceEvent {
  id: string;
  source: string;
  /** Unique per tenant and source; the same id twice is a duplicate. */
  sourceEventId: string;
  kind: EventKind;
  atMs: number;
  /** When the source says that the connection began (`joinedAt`), whatever the kind of the event. */
  joinedAtMs?: number;
  /** A merged span of heartbeats reaches from `atMs` to here. */
  untilMs?: number;
  /** What pairs a joined with its left: participant sid, participant session, WebSocket. Null for room events. */
  connection?: string;
  /** Room instance: LiveKit room sid, Meet conference record. */
  room?: string;
  /** Who, when the event itself names a person of the tenant. */
  personId?: string;
  /** Who, in the words of the provider; looked up in `identities`. */
  identity?: string;
  /** LiveKit's names, for example `PARTICIPANT_REMOVED`. */
  reason?: string;
}

/** A session or room instance as a sweep saw it. `endMs` null: it goes on. */
export interface ListedConnection {
  connection: string;
  room?: string;
  identity: string;
  startMs: number;
  endMs: number | null;
}
export interface ListedRoom {
  room: string;
  startMs: number;
  endMs: number | null;
}

/**
 * One listing of a room at an instant, stored whole. `scope: 'present'` lists who is in the room now (`endMs` null
 * throughout); `scope: 'all'` is a full answer about the class: every room instance and every connection it ever had.
 */
export interface Sweep {
  id: string;
  source: string;
  atMs: number;
  /** A failed attempt says nothing about anybody; it matters only where a rule asks whether the latest one succeeded. */
  ok: boolean;
  scope: 'present' | 'all';
  /** LiveKit: did the room exist when it was listed? */
  roomExisted?: boolean;
  rooms: ListedRoom[];
  connections: ListedConnection[];
  /** LiveKit: connections that were just coming in. They may never be there, and they have not gone. */
  joining?: string[];
}

export interface IdentityFact {
  source: string;
  identity: string;
  state: 'unmatched' | 'matched' | 'dismissed';
  personId?: string;
  /** A machine (agent, egress, ingress) never counts and never waits in the review queue. */
  human: boolean;
}

/** Every source that may speak of the class: the three providers and what the tenant registered. */
export interface SourceFact {
  name: string;
  kind: 'in_call' | 'supporting';
  /** It declared itself complete for this class. */
  declaredComplete: boolean;
}

export interface ClassFacts {
  classId: string;
  provider: Provider;
  /** Scheduled start `S` and end `E`. */
  startMs: number;
  endMs: number;
  /** Start of the next class in the same room, which cuts the overrun; null when there is none. */
  nextClassStartMs: number | null;
  pollMs: number;
  verifyMs: number;
  graceMs: number;
  policy: import('./policy.ts').Policy;
  roster: RosterEntry[];
  sources: SourceFact[];
  identities: IdentityFact[];
  events: EvidenceEvent[];
  sweeps: Sweep[];
}

/**
 * `live`: before the first calculation; an open connection reaches to `nowMs`, every figure is provisional and there is
 * no hash. `settled`: from the facts alone, without a clock, so that the same facts give the same record for ever.
 */
export type Moment = { kind: 'live'; nowMs: number } | { kind: 'settled' };
