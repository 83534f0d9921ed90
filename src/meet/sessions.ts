import type { MeetConnection } from './answer.ts';
import { everyPage } from './every-page.ts';
import type { GoogleCaller } from './google-caller.ts';
import type { MeetApi } from './google-clients.ts';
import type { RecordParticipant } from './participants.ts';
import { optionalTimeMs, requiredField, requiredTimeMs } from './resource-fields.ts';
import { MEET_SCOPES } from './scopes.ts';

/** Google's largest page of sessions. */
const PAGE_SIZE = 250;

/** So that 250 participants take seconds instead of half a minute, while a fetch stays far from 600 reads a minute. */
const AT_ONCE = 8;

type SessionOwner = Pick<RecordParticipant, 'name' | 'room' | 'identity'>;

/**
 * The device sessions of many participants, one call or more for each.
 * @param which `open`: only those without an end; `all`: every one
 * @returns in the order of the participants, earliest session first
 */
export async function listSessions(
  call: GoogleCaller,
  api: MeetApi,
  { subject, participants, which }: { subject: string; participants: SessionOwner[]; which: 'open' | 'all' },
): Promise<MeetConnection[]> {
  const connections: MeetConnection[] = [];
  for (let next = 0; next < participants.length; next += AT_ONCE) {
    const batch = participants.slice(next, next + AT_ONCE);
    const lists = await Promise.all(batch.map((one) => sessionsOf(call, api, subject, one, which)));
    connections.push(...lists.flat());
  }
  return connections;
}

async function sessionsOf(
  call: GoogleCaller,
  api: MeetApi,
  subject: string,
  { name: parent, room, identity }: SessionOwner,
  which: 'open' | 'all',
): Promise<MeetConnection[]> {
  const filter = which === 'open' ? { filter: 'end_time IS NULL' } : {};
  const sessions = await everyPage(async (pageToken) => {
    const page = await call({ subject, scopes: MEET_SCOPES, doing: `list sessions of ${parent}` }, (auth) =>
      api.conferenceRecords.participants.participantSessions.list({
        auth,
        parent,
        pageSize: PAGE_SIZE,
        ...filter,
        ...(pageToken ? { pageToken } : {}),
      }),
    );
    return { rows: page.participantSessions ?? [], nextPageToken: page.nextPageToken };
  });
  return sessions
    .map((session) => ({
      connection: requiredField(session, 'name'),
      room,
      identity,
      startMs: requiredTimeMs(session, 'startTime'),
      endMs: optionalTimeMs(session, 'endTime'),
    }))
    .sort((a, b) => a.startMs - b.startMs || a.connection.localeCompare(b.connection));
}
