import type { meet_v2 } from 'googleapis/build/src/apis/meet/index.js';
import type { MeetParticipant } from './answer.ts';
import { everyPage } from './every-page.ts';
import type { GoogleCaller } from './google-caller.ts';
import type { MeetApi } from './google-clients.ts';
import { requiredField } from './resource-fields.ts';
import { MEET_SCOPES } from './scopes.ts';

/** Google's largest page of participants. */
const PAGE_SIZE = 250;

/** Somebody in one conference record. */
export interface RecordParticipant extends MeetParticipant {
  /** Resource name, under which the sessions are listed. */
  name: string;
  room: string;
}

/** @param which `present`: only those who have not left; `all`: everybody who was ever there */
export async function listParticipants(
  call: GoogleCaller,
  api: MeetApi,
  { subject, room, which }: { subject: string; room: string; which: 'present' | 'all' },
): Promise<RecordParticipant[]> {
  const filter = which === 'present' ? { filter: 'latest_end_time IS NULL' } : {};
  const participants = await everyPage(async (pageToken) => {
    const page = await call({ subject, scopes: MEET_SCOPES, doing: `list participants of ${room}` }, (auth) =>
      api.conferenceRecords.participants.list({
        auth,
        parent: room,
        pageSize: PAGE_SIZE,
        ...filter,
        ...(pageToken ? { pageToken } : {}),
      }),
    );
    return { rows: page.participants ?? [], nextPageToken: page.nextPageToken };
  });
  return participants.map((participant) => {
    const name = requiredField(participant, 'name');
    return { name, room, ...whoIs(participant, name) };
  });
}

/** One entry for each identity: who came by two conference records is one person. */
export function distinctParticipants(participants: RecordParticipant[]): MeetParticipant[] {
  const byIdentity = new Map<string, MeetParticipant>();
  for (const { identity, kind, displayName } of participants)
    byIdentity.set(identity, { identity, kind, displayName });
  return [...byIdentity.values()];
}

function whoIs(participant: meet_v2.Schema$Participant, name: string): MeetParticipant {
  const { signedinUser, phoneUser, anonymousUser } = participant;
  if (signedinUser?.user) {
    return { identity: signedinUser.user, kind: 'signed_in', displayName: signedinUser.displayName ?? '' };
  }
  // A kind that Google adds later is treated as anonymous: somebody was there, and a person decides who.
  const kind = phoneUser ? 'phone' : 'anonymous';
  const user = phoneUser ?? anonymousUser ?? signedinUser;
  return { identity: name, kind, displayName: user?.displayName ?? '' };
}
