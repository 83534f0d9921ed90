import { createHash, randomUUID } from 'node:crypto';
import type {
  ConferenceChange,
  ConferenceInfo,
  ConferenceScript,
  ParticipantScript,
} from './control-protocol.ts';

export interface DirectoryUser {
  id: string;
  email: string;
  name: string;
}
export interface Space {
  /** `spaces/…` */
  name: string;
  meetingCode: string;
  ownerEmail: string;
}
export type Who =
  | { kind: 'signed_in'; userId: string; displayName: string }
  | { kind: 'anonymous' | 'phone'; displayName: string };
export interface Session {
  name: string;
  startMs: number;
  endMs: number | null;
}
export interface Participant {
  name: string;
  who: Who;
  sessions: Session[];
}
/** What truly happens in a space; `reveal.ts` decides how much of it the server knows yet. */
export interface Conference {
  name: string;
  space: Space;
  startMs: number;
  endMs: number | null;
  lateMs: number;
  endsLateMs: number;
  participants: Participant[];
}

export type World = ReturnType<typeof createWorld>;

/** Everything that exists at this pretended Google: people, spaces and what happens in them. */
export function createWorld() {
  const usersByKey = new Map<string, DirectoryUser>();
  const spacesByKey = new Map<string, Space>();
  const conferencesBySpace = new Map<string, Conference[]>();
  const conferencesByName = new Map<string, Conference>();

  function addUser(user: {
    email: string;
    id?: string | undefined;
    name?: string | undefined;
  }): DirectoryUser {
    const email = user.email.toLowerCase();
    const added = { id: user.id ?? userIdOf(email), email, name: user.name ?? nameOf(email) };
    usersByKey.set(added.email, added);
    usersByKey.set(added.id, added);
    return added;
  }
  const findUser = (emailOrId: string) => usersByKey.get(emailOrId.toLowerCase());

  function addSpace(space: {
    owner: string;
    name?: string | undefined;
    meeting_code?: string | undefined;
  }): Space {
    const added = {
      name: space.name ?? `spaces/${resourceId().slice(0, 12)}`,
      meetingCode: space.meeting_code ?? newMeetingCode(),
      ownerEmail: space.owner.toLowerCase(),
    };
    spacesByKey.set(added.name, added);
    spacesByKey.set(`spaces/${added.meetingCode}`, added);
    return added;
  }
  /** By `spaces/{name}`, `spaces/{code}` or the bare code. */
  const findSpace = (key: string) => spacesByKey.get(key.startsWith('spaces/') ? key : `spaces/${key}`);

  function addParticipant(conference: Conference, script: ParticipantScript): Participant {
    const name = `${conference.name}/participants/${resourceId()}`;
    const participant = {
      name,
      who: whoOf(script),
      sessions: script.sessions.map(({ start, end }) => ({
        name: `${name}/participantSessions/${resourceId()}`,
        startMs: start,
        endMs: end ?? null,
      })),
    };
    conference.participants.push(participant);
    return participant;
  }

  function whoOf(script: ParticipantScript): Who {
    if (script.kind !== 'signed_in') return { kind: script.kind, displayName: script.display_name };
    const known =
      script.email === undefined ? undefined : (findUser(script.email) ?? addUser({ email: script.email }));
    const userId = script.user_id ?? known?.id;
    if (userId === undefined) throw new RangeError('a signed_in participant needs email or user_id');
    return { kind: 'signed_in', userId, displayName: script.display_name ?? known?.name ?? `User ${userId}` };
  }

  /** Scripts a conference; the sessions of its participants may lie in the future. */
  function addConference(space: Space, script: ConferenceScript): Conference {
    const starts = script.participants.flatMap(({ sessions }) => sessions.map(({ start }) => start));
    if (script.start === undefined && starts.length === 0)
      throw new RangeError('a conference needs start or sessions');
    const conference: Conference = {
      name: `conferenceRecords/${randomUUID()}`,
      space,
      startMs: script.start ?? Math.min(...starts),
      endMs: script.end ?? null,
      lateMs: script.late_by_seconds * 1000,
      endsLateMs: (script.ends_late_by_seconds ?? script.late_by_seconds) * 1000,
      participants: [],
    };
    for (const participant of script.participants) addParticipant(conference, participant);
    const others = conferencesBySpace.get(space.name) ?? [];
    conferencesBySpace.set(space.name, [...others, conference]);
    conferencesByName.set(conference.name, conference);
    return conference;
  }

  function changeConference(conference: Conference, change: ConferenceChange): void {
    if (change.end !== undefined) conference.endMs = change.end;
    for (const script of change.add_participants) addParticipant(conference, script);
    for (const session of conference.participants.flatMap(({ sessions }) => sessions)) {
      const end = change.session_ends[session.name];
      if (end !== undefined) session.endMs = end;
      else if (change.end_open_sessions && session.endMs === null) session.endMs = conference.endMs;
    }
  }

  /** Everybody is sent home at `nowMs`; what was scripted for later does not happen. */
  function endConference(conference: Conference, nowMs: number): void {
    conference.endMs = nowMs;
    for (const participant of conference.participants) {
      participant.sessions = participant.sessions.filter((session) => session.startMs < nowMs);
      for (const session of participant.sessions) {
        if (session.endMs === null || session.endMs > nowMs) session.endMs = nowMs;
      }
    }
  }

  return {
    addUser,
    findUser,
    addSpace,
    findSpace,
    addConference,
    changeConference,
    endConference,
    findConference: (name: string) => conferencesByName.get(name),
    /** Of one space, or of all when the space is left out. */
    conferences: (space?: Space) =>
      space ? (conferencesBySpace.get(space.name) ?? []) : [...conferencesByName.values()],
    reset(): void {
      for (const map of [usersByKey, spacesByKey, conferencesBySpace, conferencesByName]) map.clear();
    },
  };
}

export const describeConference = (conference: Conference): ConferenceInfo => ({
  record: conference.name,
  participants: conference.participants.map(({ name, sessions }) => ({
    participant: name,
    sessions: sessions.map((session) => session.name),
  })),
});

// Random, so that two runs of the simulator never give one name to two things that the same database has seen.
const resourceId = () => randomUUID().replaceAll('-', '');

/** 21 digits like Google's, always the same for one e-mail. */
function userIdOf(email: string): string {
  const digits = BigInt(`0x${createHash('sha256').update(email).digest('hex')}`).toString();
  return `1${digits.slice(0, 20)}`;
}

/** `amina.said@school` → `Amina Said`. */
function nameOf(email: string): string {
  const words = (email.split('@')[0] ?? email).split(/[._+-]+/).filter((word) => word !== '');
  return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(' ');
}

/** `abc-mnop-xyz`. */
function newMeetingCode(): string {
  const letters = [...createHash('sha256').update(randomUUID()).digest().subarray(0, 10)].map((byte) =>
    String.fromCharCode(97 + (byte % 26)),
  );
  return [letters.slice(0, 3), letters.slice(3, 7), letters.slice(7)].map((part) => part.join('')).join('-');
}
