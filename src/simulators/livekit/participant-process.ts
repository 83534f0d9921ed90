/**
 * Headless participants of LiveKit rooms, in a process of their own: the native library takes 70 MB and many threads,
 * and this process can be killed as a machine that loses its power.
 *
 *     node src/simulators/livekit/participant-process.ts --url ws://127.0.0.1:7880 --token … [--token …]
 *
 * Its standard input takes the orders of participant-lines.ts and its output has the reports, a line each. When the
 * input ends, or on SIGTERM, all leave and it ends.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { DisconnectReason, dispose, Room, RoomEvent } from '@livekit/rtc-node';
import { identityOf, parseOrder, type Report, reportLine } from './participant-lines.ts';

const { values } = parseArgs({
  options: { url: { type: 'string' }, token: { type: 'string', multiple: true, default: [] } },
});
const { url } = values;
if (url === undefined) throw new Error('--url is missing, for example --url ws://127.0.0.1:7880');

interface Member {
  readonly identity: string;
  readonly room: Room;
  readonly connecting: Promise<void>;
  leaving?: Promise<void>;
}

const members = new Map<string, Member>();

const say = (report: Report): void => void process.stdout.write(`${reportLine(report)}\n`);

function join(address: string, token: string): void {
  const identity = identityOf(token);
  const room = new Room();
  const connecting = room.connect(address, token, { autoSubscribe: false, dynacast: false });
  const member: Member = { identity, room, connecting };
  members.set(identity, member);
  room.on(RoomEvent.Disconnected, (reason) => {
    if (member.leaving !== undefined) return;
    members.delete(identity);
    say({ kind: 'disconnected', identity, reason: DisconnectReason[reason] ?? `reason ${reason}` });
  });
  connecting.then(
    () => say({ kind: 'joined', sid: room.localParticipant?.sid ?? '', identity }),
    (error: Error) => {
      members.delete(identity);
      say({ kind: 'failed', identity, reason: error.message });
    },
  );
}

async function sayGoodbye({ identity, room, connecting }: Member): Promise<void> {
  // In the middle of the connecting it is lost, and LiveKit goes on to list who went away.
  await connecting.catch(() => {});
  await room.disconnect();
  members.delete(identity);
  say({ kind: 'left', identity });
}

const leave = (member: Member): Promise<void> => (member.leaving ??= sayGoodbye(member));

async function leaveCalled(identity: string): Promise<void> {
  const member = members.get(identity);
  if (member !== undefined) await leave(member);
}

async function end(): Promise<never> {
  await Promise.all([...members.values()].map(leave));
  await dispose();
  process.exit(0);
}

process.once('SIGTERM', () => void end());
for (const token of values.token) join(url, token);
for await (const line of createInterface({ input: process.stdin })) {
  const order = parseOrder(line);
  if (order.kind === 'join') join(url, order.token);
  else if (order.identity === undefined) break;
  else void leaveCalled(order.identity);
}
await end();
