import { createHash, createHmac } from 'node:crypto';

export interface BenchRoom {
  room: string;
  /** Person ids. */
  people: string[];
}

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const HEAD = base64url({ alg: 'HS256', typ: 'JWT' });

/**
 * Whole requests as LiveKit 1.13 sends them, each another event: people of all rooms come and go. Signed here and not by
 * a library, because the load generator must leave the cores to those who are measured.
 */
export function signedDeliveries(
  path: string,
  { apiKey, secret }: { apiKey: string; secret: string },
  rooms: readonly BenchRoom[],
): () => Buffer {
  let n = 0;
  return () => {
    const at = n++;
    const body = JSON.stringify(deliveryOf(at, rooms));
    const seconds = Math.floor(Date.now() / 1_000);
    const sha256 = createHash('sha256').update(body).digest('base64');
    const claims = base64url({ iss: apiKey, exp: seconds + 300, nbf: seconds, iat: seconds, sha256 });
    const mac = createHmac('sha256', secret).update(`${HEAD}.${claims}`).digest('base64url');
    return Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Go-http-client/1.1\r\nContent-Type: application/webhook+json\r\nAuthorization: ${HEAD}.${claims}.${mac}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nAccept-Encoding: gzip\r\n\r\n${body}`,
    );
  };
}

const CODECS = ['audio/PCMU', 'audio/opus', 'audio/red', 'video/VP8', 'video/H264', 'video/VP9', 'video/AV1'];

/** Round robin through rooms and people: everybody joins, then everybody leaves, with a new sid each time. */
function deliveryOf(n: number, rooms: readonly BenchRoom[]): unknown {
  const { room, people } = rooms[n % rooms.length] ?? { room: '', people: [] };
  const round = Math.floor(n / rooms.length);
  const person = people[round % people.length];
  const stay = Math.floor(round / people.length / 2);
  const joined = Math.floor(round / people.length) % 2 === 0;
  const nowMs = Date.now();
  const seconds = String(Math.floor(nowMs / 1_000));
  return {
    event: joined ? 'participant_joined' : 'participant_left',
    room: {
      sid: `RM_${n % rooms.length}`,
      name: room,
      emptyTimeout: 300,
      departureTimeout: 20,
      creationTime: seconds,
      creationTimeMs: String(nowMs),
      turnPassword: 'of-a-room-of-the-bench-and-of-no-use-anywhere',
      enabledCodecs: CODECS.map((mime) => ({ mime })),
    },
    participant: {
      sid: `PA_${process.pid}_${stay}_${round % people.length}_${n % rooms.length}`,
      identity: `${person}:web`,
      state: joined ? 'ACTIVE' : 'DISCONNECTED',
      joinedAt: seconds,
      joinedAtMs: String(nowMs - 1_000),
      name: 'Somebody of the Bench',
      version: 2,
      permission: { canSubscribe: true, canPublish: true, canPublishData: true },
      clientProtocol: 2,
    },
    id: `EV_${process.pid}_${n}`,
    createdAt: seconds,
  };
}
