import type { AllAnswer, FetchWindow } from './answer.ts';
import { overlappingRecords } from './conference-records.ts';
import type { GoogleCaller } from './google-caller.ts';
import type { MeetApi } from './google-clients.ts';
import { distinctParticipants, listParticipants } from './participants.ts';
import { listSessions } from './sessions.ts';

export interface AllQuery {
  /** E-mail of the organizer. */
  subject: string;
  spaceName: string;
  window: FetchWindow;
}

/** Everything Meet knows of a class: 1 call for the records, 1 for each record, 1 for each participant. */
export async function listAll(
  call: GoogleCaller,
  api: MeetApi,
  { subject, spaceName, window }: AllQuery,
  now: () => number,
): Promise<AllAnswer> {
  const atMs = now();
  const rooms = await overlappingRecords(call, api, { subject, spaceName, window });
  const participants = [];
  for (const { room } of rooms) {
    participants.push(...(await listParticipants(call, api, { subject, room, which: 'all' })));
  }
  const connections = await listSessions(call, api, { subject, participants, which: 'all' });
  return { atMs, scope: 'all', rooms, connections, participants: distinctParticipants(participants) };
}
