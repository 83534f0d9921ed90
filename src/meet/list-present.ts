import type { FetchWindow, PresentAnswer, PresentMemory } from './answer.ts';
import { overlappingRecords } from './conference-records.ts';
import type { GoogleCaller } from './google-caller.ts';
import type { MeetApi } from './google-clients.ts';
import { distinctParticipants, listParticipants } from './participants.ts';
import { listSessions } from './sessions.ts';

export interface PresentQuery {
  /** E-mail of the organizer. */
  subject: string;
  spaceName: string;
  window: FetchWindow;
  /**
   * The memory of the previous answer. The sessions of somebody who was in the call then and is now are asked for again
   * only after `recheckAfterMs`; the answer does not list them meanwhile. Meet tells nobody that one left and came back
   * between two answers, so an unasked session is never called open. Keep it below twice the poll interval: a session
   * whose end Google loses is then still bounded by the closing of its room.
   */
  previous?: { memory: PresentMemory; recheckAfterMs: number };
}

/**
 * Who is in the call: 1 call for the records, 1 for each open one, 1 for each participant to be asked about, and 1 for
 * each who is gone since the previous answer.
 */
export async function listPresent(
  call: GoogleCaller,
  api: MeetApi,
  { subject, spaceName, window, previous }: PresentQuery,
  now: () => number,
): Promise<PresentAnswer> {
  const atMs = now();
  const rooms = await overlappingRecords(call, api, { subject, spaceName, window });
  const open = rooms.filter(({ endMs }) => endMs === null).map(({ room }) => room);
  const participants = [];
  for (const room of open) {
    participants.push(...(await listParticipants(call, api, { subject, room, which: 'present' })));
  }

  const known = previous?.memory ?? {};
  const memory: PresentMemory = {};
  const asked = participants.filter(({ name }) => {
    const before = known[name];
    if (previous === undefined || before === undefined || before.askedAtMs + previous.recheckAfterMs <= atMs)
      return true;
    memory[name] = before;
    return false;
  });
  const sessions = await listSessions(call, api, { subject, participants: asked, which: 'open' });
  const connections = sessions.filter(({ endMs }) => endMs === null);
  // Somebody without an open session yet is not remembered, and so is asked about again next time.
  for (const { connection, identity } of connections) {
    memory[participantOf(connection)] = { identity, askedAtMs: atMs };
  }
  const here = new Set(participants.map(({ name }) => name));
  const gone = goneFrom(open, known).filter(({ name }) => !here.has(name));
  const theirs = await listSessions(call, api, { subject, participants: gone, which: 'all' });

  return {
    atMs,
    scope: 'present',
    rooms,
    connections,
    left: theirs.filter(({ endMs }) => endMs !== null),
    participants: distinctParticipants(participants),
    memory,
  };
}

/** A record that has ended is fetched whole soon; nobody is asked about one by one. */
const goneFrom = (open: string[], known: PresentMemory) =>
  Object.entries(known).flatMap(([name, { identity }]) => {
    const room = open.find((candidate) => name.startsWith(`${candidate}/`));
    return room === undefined ? [] : [{ name, room, identity }];
  });

/** `conferenceRecords/a/participants/b/participantSessions/c` → `conferenceRecords/a/participants/b` */
const participantOf = (connection: string) => connection.replace(/\/participantSessions\/[^/]*$/, '');
