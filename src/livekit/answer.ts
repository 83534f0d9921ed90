/** What LiveKit tells about a room, in our words. */
import type { ListedConnection, ListedRoom } from '../attendance/facts.ts';

/** `phone`: a dial-in. `machine`: an agent, egress, ingress or recorder, which never counts. */
export type ParticipantKind = 'signed_in' | 'phone' | 'machine' | 'other';

export interface RoomParticipant {
  /** `identityOf` (participant-kind.ts); `identity-form.ts` reads whose it is. */
  identity: string;
  kind: ParticipantKind;
  /** For display only. */
  displayName: string;
}

/** One successful listing of a room: who is in it, `ACTIVE`, at `atMs`. */
export interface RoomListing {
  /** When it was asked, UTC milliseconds: whoever came while LiveKit was answering was not there before. */
  atMs: number;
  roomExisted: boolean;
  /** The instance that is open, if there is one. */
  rooms: ListedRoom[];
  /** `identity` as a participant has it. */
  connections: ListedConnection[];
  /** The sids of those who are just coming in, and are not `ACTIVE` yet. */
  joining: string[];
  participants: RoomParticipant[];
}
