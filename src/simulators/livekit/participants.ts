import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { spawnGuarded } from '../../local/guard.ts';
import { poll } from '../../local/poll.ts';
import { identify } from '../../local/process-identity.ts';
import { type StopPlan, stopProcess } from '../../local/stop-process.ts';
import { identityOf, type Order, orderLine } from './participant-lines.ts';
import { openSeat, type Seat, watchSeats } from './seats.ts';

export interface Participant {
  readonly identity: string;
  /** Of its first connection: when the server was restarted, LiveKit lists it under another one. */
  readonly sid: string;
  /** Why it is out of the room: CLIENT_INITIATED when it left, LiveKit's word, or how its process ended. */
  readonly closed: Promise<{ readonly reason: string }>;
  /** Says good-bye to LiveKit. */
  leave(): Promise<void>;
}

export interface Participants {
  readonly pid: number;
  /** In the order of the tokens. */
  readonly all: readonly Participant[];
  /** Throws when none of them has this identity. */
  named(identity: string): Participant;
  /** All leave; resolves when the process has ended. */
  leave(): Promise<void>;
  /** SIGKILL to the process: LiveKit is told nothing and misses them after some 20 s. */
  kill(): Promise<void>;
}

/** One that has a process to itself. */
export type LoneParticipant = Participant & Pick<Participants, 'pid' | 'kill'>;

const PROGRAM = fileURLToPath(new URL('participant-process.ts', import.meta.url));
// Ten need less than a second here; this is for a machine that has something else to do.
const JOINED_WITHIN_MS = 60_000;
const stopPlan: StopPlan = [{ signal: 'SIGTERM', waitMs: 3_000 }];

/**
 * Joins a room without camera and microphone. LiveKit counts it as present (ACTIVE) a few milliseconds later, and never
 * if it is killed before. Throws when it is not let in.
 */
export async function joinRoom(options: {
  readonly url: string;
  readonly token: string;
}): Promise<LoneParticipant> {
  const { url, token } = options;
  const { pid, kill, leave, named } = await joinRooms({ url, tokens: [token] });
  return { ...named(identityOf(token)), pid, kill, leave };
}

/**
 * Joins with each of the tokens, whatever rooms they are for, in one process. It ends when the last of them is out of
 * its room, and when this process ends. Throws when one is not let in, and none of them is then.
 */
export async function joinRooms(options: {
  readonly url: string;
  readonly tokens: readonly string[];
}): Promise<Participants> {
  const { url, tokens } = options;
  const seats = seatsFor(tokens);
  const child = spawnGuarded(process.execPath, [PROGRAM, '--url', url], stopPlan, {
    // Else the library writes what it is about.
    env: { ...process.env, NODE_ENV: 'production' },
    input: 'pipe',
    output: 'pipe',
  });
  const { ended, hasEnded } = watchSeats(child, seats);
  if (child.pid === undefined) throw new Error(`${process.execPath} cannot be run: ${await ended}`);
  const { pid } = child;
  const identity = identify(pid) ?? { pid, startedAt: 'ended at once' };

  const order = (line: Order) => void child.stdin.write(`${orderLine(line)}\n`);
  const leave = async () => {
    order({ kind: 'leave' });
    // A hundred need some seconds on a busy machine.
    await poll(hasEnded, 30_000);
    await stopProcess(identity, stopPlan);
  };
  const closed = [...seats.values()].map((seat) => seat.closed.promise);
  void Promise.all(closed).then(() => child.stdin.end());

  for (const token of tokens) order({ kind: 'join', token });
  try {
    const joined = await inTime(Promise.all([...seats].map(([name, seat]) => seated(name, seat))));
    const all = joined.map(({ name, sid, seat }) => ({
      identity: name,
      sid,
      closed: seat.closed.promise,
      async leave() {
        order({ kind: 'leave', identity: name });
        await seat.closed.promise;
      },
    }));
    return { pid, all, named: (name) => find(all, name), leave, kill: () => stopProcess(identity, []) };
  } catch (error) {
    await leave();
    throw error;
  }
}

function seatsFor(tokens: readonly string[]): Map<string, Seat> {
  const seats = new Map(tokens.map((token) => [identityOf(token), openSeat()]));
  if (seats.size === tokens.length) return seats;
  throw new Error('Two tokens have one identity; each process can have it once, so join them apart.');
}

const seated = async (name: string, seat: Seat) => ({ name, seat, sid: await seat.joined.promise });

async function inTime<Value>(joining: Promise<Value>): Promise<Value> {
  const late = sleep(JOINED_WITHIN_MS, undefined, { ref: false }).then(() => {
    throw new Error(`The participants were not in their rooms within ${JOINED_WITHIN_MS / 1_000} s.`);
  });
  return await Promise.race([joining, late]);
}

function find(all: readonly Participant[], name: string): Participant {
  const found = all.find(({ identity }) => identity === name);
  if (found !== undefined) return found;
  const known = all.map(({ identity }) => identity).join(', ');
  throw new Error(`No participant is called "${name}"; there are ${known}.`);
}
