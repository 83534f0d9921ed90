import type { ListedConnection, ListedRoom } from '../attendance/facts.ts';

/** The counting window of the class, UTC milliseconds, half-open. */
export interface FetchWindow {
  startMs: number;
  endMs: number;
}

export interface MeetSpace {
  /** `spaces/…` */
  spaceName: string;
  /** `abc-mnop-xyz` */
  meetingCode: string;
  meetingUri: string;
}

export interface MeetParticipant {
  /** `users/{id}` for somebody signed in, else the resource name of the participant, which nobody else ever has. */
  identity: string;
  kind: 'signed_in' | 'anonymous' | 'phone';
  /** As Google shows it; never proof of who it is. */
  displayName: string;
}

/** A connection of Meet always names its room, the conference record. */
export interface MeetConnection extends ListedConnection {
  room: string;
}

/**
 * One fetch of a class. `rooms` are conference records, `connections` participant sessions, both by resource name.
 *
 * `atMs` is our clock before the first call. Google answered later, so a session that began before `atMs` and is listed
 * open was alive at `atMs`: it claims no instant that was not seen. A session may also have begun after `atMs`, while
 * the calls ran; it proves nothing about `atMs`, only about its own start.
 */
export interface MeetAnswer {
  atMs: number;
  scope: 'present' | 'all';
  rooms: ListedRoom[];
  connections: MeetConnection[];
  participants: MeetParticipant[];
}

/** Participant resource name → who that is, and `atMs` of the answer that last looked at this participant's sessions. */
export type PresentMemory = Record<string, { identity: string; askedAtMs: number }>;

/** Who is in the call. `connections` holds only what this very answer saw open. */
export interface PresentAnswer extends MeetAnswer {
  scope: 'present';
  /** Sessions that have ended, of people who were in the call at the previous answer and are gone. */
  left: MeetConnection[];
  /** Hand it to the next call, which then leaves out what it need not ask again. */
  memory: PresentMemory;
}

export interface AllAnswer extends MeetAnswer {
  scope: 'all';
}
