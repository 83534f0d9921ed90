/** A LiveKit that answers what a test wants: for its failures, and for rooms that change while they are listed. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach } from 'vitest';
import { LiveKitFault } from './fault.ts';
import type { LiveKitSettings } from './keys.ts';

type Method = 'ListRooms' | 'ListParticipants' | 'CreateRoom' | 'DeleteRoom';

export interface FakeAnswer {
  status?: number;
  /** Sent as JSON, unless it is text. */
  body?: unknown;
  /** Happens while the caller waits. */
  meanwhile?: () => void;
  /** Never answers. */
  hang?: true;
  /** Breaks off in the middle of the answer. */
  drop?: true;
}

export interface FakeLiveKit {
  settings: LiveKitSettings;
  /** The methods that were called, in their order. */
  calls: Method[];
  /** The most calls that were open at the same time. */
  mostAtOnce: number;
  /** What it answers; a list is used up one by one, and the last one stays. */
  answers: Record<Method, FakeAnswer | FakeAnswer[]>;
  stop(): Promise<void>;
}

export const roomsOf = (...sids: string[]): FakeAnswer => ({
  body: { rooms: sids.map((sid) => ({ sid, name: 'room', creationTime: '1767603600' })) },
});
export const nobody: FakeAnswer = { body: { participants: [] } };

/** A fresh one for each test: an empty room `room`, which can be made and deleted. */
export function useFakeLiveKit(): () => FakeLiveKit {
  let fake: FakeLiveKit | undefined;
  beforeEach(async () => {
    fake = await startFakeLiveKit();
  });
  afterEach(() => fake?.stop());
  return () => {
    if (!fake) throw new Error('only inside a test');
    return fake;
  };
}

async function startFakeLiveKit(): Promise<FakeLiveKit> {
  let open = 0;
  const server = createServer((req, res) => {
    const method = req.url?.split('/').at(-1) as Method;
    fake.calls.push(method);
    open++;
    res.once('close', () => open--);
    fake.mostAtOnce = Math.max(fake.mostAtOnce, open);
    const answer = fake.answers[method];
    const next = Array.isArray(answer) ? (answer.length > 1 ? answer.shift() : answer[0]) : answer;
    // Only when the whole request is here, and a moment later, so that calls meet.
    req.resume().once('end', () => setTimeout(() => send(res, next ?? {}), 5));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const key = { apiKey: 'devkey', secret: 'd'.repeat(32), tenantId: null };
  const fake: FakeLiveKit = {
    settings: { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, key, keys: [key] },
    calls: [],
    mostAtOnce: 0,
    answers: {
      ListRooms: roomsOf('RM_1'),
      ListParticipants: nobody,
      CreateRoom: { body: {} },
      DeleteRoom: { body: {} },
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

function send(res: ServerResponse, { status = 200, body = '', meanwhile, hang, drop }: FakeAnswer): void {
  meanwhile?.();
  if (hang) return;
  const isText = typeof body === 'string';
  res.writeHead(status, { 'Content-Type': isText ? 'text/html' : 'application/json' });
  if (drop) res.write('{"rooms": [', () => res.destroy());
  else res.end(isText ? body : JSON.stringify(body));
}

/** The fault that a promise ends with; anything else fails the test. */
export async function faultOf(promise: Promise<unknown>): Promise<LiveKitFault> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof LiveKitFault) return error;
    throw error;
  }
  throw new Error('expected a LiveKitFault, but the call succeeded');
}
