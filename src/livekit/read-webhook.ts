/** One delivery of LiveKit, read into our words. What cannot be used says why; nothing is thrown. */
import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { DisconnectReason, type ParticipantInfo, ParticipantInfo_Kind } from '@livekit/protocol';
import { z } from 'zod';
import type { EventKind } from '../attendance/facts.ts';
import type { RoomParticipant } from './answer.ts';
import { identityOf, participantKind } from './participant-kind.ts';

/** What every delivery has, whatever it says. */
export interface Received {
  /** LiveKit's id of the event, the same in every repetition; of a delivery without one, the hash of `raw`. */
  eventId: string;
  /** LiveKit's name of it, where it has one. */
  event: string | null;
  roomName: string | null;
  /**
   * As it came, as text, but for the room's TURN password, which is nobody's business; of one that is too large, its beginning.
   * Read again, it is the same delivery.
   */
  raw: string;
}

/** Evidence of presence, not yet of a class. */
export interface RoomEvidence {
  kind: EventKind;
  atMs: number;
  joinedAtMs?: number;
  /** Participant sid. */
  connection?: string;
  /** Room sid: one instance of the room. */
  room?: string;
  reason?: string;
  participant?: RoomParticipant;
}

export type Delivery =
  | (Received & { kind: 'evidence'; roomName: string; evidence: RoomEvidence })
  /** It says nothing about presence, or is of a kind that is not known yet. */
  | (Received & { kind: 'other' })
  | (Received & { kind: 'unusable'; reason: string });

/** Product §6: 64 KiB for webhooks; the longest that LiveKit sends is a few. */
export const MOST_BYTES = 64 * 1024;
/** What lies further ahead has not happened. */
const FUTURE_TOLERANCE_MS = 5 * 60_000;
/** LiveKit's first release. */
const EARLIEST_MS = Date.UTC(2021, 0, 1);

const KINDS = new Map<string | null, EventKind>([
  ['participant_joined', 'joined'],
  ['participant_left', 'left'],
  ['participant_connection_aborted', 'aborted'],
  ['room_started', 'room_opened'],
  ['room_finished', 'room_closed'],
]);

/**
 * @param body of one that is too large, more than the most that is read will do
 * @param receivedMs UTC milliseconds, by our clock
 * @param bytes how many the whole body has
 */
export function readDelivery(body: Buffer, receivedMs: number, bytes = body.length): Delivery {
  const raw = textOf(body);
  const parsed =
    bytes > MOST_BYTES ? `it has ${bytes} bytes; at most ${MOST_BYTES} are read` : parseWebhook(raw);
  const webhook: Webhook = typeof parsed === 'string' ? {} : parsed;
  const received: Received = {
    eventId: nameIn(webhook.id) ?? `sha256:${hash('sha256', raw, 'hex')}`,
    event: nameIn(webhook.event),
    roomName: nameIn(webhook.room?.name),
    raw,
  };
  const unusable = (reason: string): Delivery => ({ ...received, kind: 'unusable', reason });
  if (typeof parsed === 'string') return unusable(parsed);
  const kind = KINDS.get(received.event);
  if (kind === undefined) return { ...received, kind: 'other' };
  const { roomName } = received;
  if (roomName === null) return unusable('it names no room');
  const evidence = read(kind, webhook, receivedMs);
  return typeof evidence === 'string'
    ? unusable(evidence)
    : { ...received, kind: 'evidence', roomName, evidence };
}

const text = z.string().nullish();
/** Of 64 bits, which the JSON of protobuf writes as text. */
const whole = z.union([z.string().regex(/^-?\d{1,19}$/), z.int()]).nullish();
/** By its name; the JSON of protobuf may have its number too. */
const enumerated = z.union([z.string(), z.int()]).nullish();

/**
 * What is looked at of livekit.WebhookEvent, in the JSON of protobuf (protojson of Go): what is empty or zero is left out.
 * Not by `WebhookEvent.fromJson` of @livekit/protocol, which takes several times as long and was a tenth of all that the
 * server does for a delivery.
 */
const webhookEvent = z.object({
  id: text,
  event: text,
  createdAt: whole,
  room: z.object({ name: text, sid: text, creationTimeMs: whole }).nullish(),
  participant: z
    .object({
      sid: text,
      identity: text,
      name: text,
      kind: enumerated,
      permission: z.object({ recorder: z.boolean().nullish() }).nullish(),
      joinedAt: whole,
      joinedAtMs: whole,
      disconnectReason: enumerated,
    })
    .nullish(),
});
type Webhook = z.infer<typeof webhookEvent>;
type Participant = NonNullable<Webhook['participant']>;

/** What it says, or why it cannot be read. */
function parseWebhook(raw: string): Webhook | string {
  try {
    return webhookEvent.parse(JSON.parse(raw));
  } catch (error) {
    return `it is not a webhook event: ${reasonOf(error)}`;
  }
}

const integer = (given: string | number | null | undefined): bigint => BigInt(given ?? 0);

/** What has a name that is not known yet has no number that LiveKit has. */
function numberIn(names: Readonly<Record<string, string | number>>, given: string | number): number {
  if (typeof given === 'number') return given;
  const found = Object.hasOwn(names, given) ? names[given] : undefined;
  // TypeScript's enumerations lead back from the number to the name too.
  return typeof found === 'number' ? found : -1;
}

const kindNumber = (given: Participant['kind']): ParticipantInfo_Kind =>
  numberIn(ParticipantInfo_Kind, given ?? ParticipantInfo_Kind.STANDARD);

/** The evidence, or why there is none. */
function read(kind: EventKind, webhook: Webhook, receivedMs: number): RoomEvidence | string {
  const { room, participant: given } = webhook;
  const isPossible = (ms: number): boolean => ms >= EARLIEST_MS && ms <= receivedMs + FUTURE_TOLERANCE_MS;
  const createdMs = msOf(integer(webhook.createdAt));
  const ofRoom = isName(room?.sid) ? { room: room.sid } : {};
  if (kind === 'room_opened' || kind === 'room_closed') {
    if (!isPossible(createdMs)) return `createdAt ${webhook.createdAt} is not a possible time`;
    return { kind, atMs: kind === 'room_opened' ? openedAt(room, createdMs) : createdMs, ...ofRoom };
  }
  if (!given || !isName(given.sid) || !isName(given.identity)) return 'it names no participant';
  const participant = {
    identity: given.identity,
    kind: kindNumber(given.kind),
    permission: given.permission,
  };
  const joined = { joinedAt: integer(given.joinedAt), joinedAtMs: integer(given.joinedAtMs) };
  const known = joinedAt(joined, isPossible);
  const atMs = kind === 'joined' ? (known ?? createdMs) : createdMs;
  if (!isPossible(atMs))
    return `createdAt ${webhook.createdAt} and joinedAt ${joinedAt(joined)} are not possible times`;
  return {
    kind,
    atMs,
    ...(known === null ? {} : { joinedAtMs: known }),
    connection: given.sid,
    ...ofRoom,
    ...(kind === 'joined' ? {} : reasonFor(given)),
    participant: {
      identity: identityOf(participant),
      kind: participantKind(participant),
      displayName: isName(given.name) ? given.name : given.identity,
    },
  };
}

/** The room may have been made a moment before LiveKit says so. */
function openedAt(room: Webhook['room'], createdMs: number): number {
  const madeMs = Number(room?.creationTimeMs ?? 0);
  return madeMs > createdMs - 60_000 && madeMs <= createdMs + 60_000 ? madeMs : createdMs;
}

/** `joinedAtMs`, else `joinedAt`, which is in seconds; null where neither is given and possible. */
export function joinedAt(
  { joinedAt: seconds, joinedAtMs }: Pick<ParticipantInfo, 'joinedAt' | 'joinedAtMs'>,
  isPossible: (ms: number) => boolean = () => true,
): number | null {
  const exactMs = Number(joinedAtMs);
  if (exactMs > 0 && isPossible(exactMs)) return exactMs;
  const roughMs = msOf(seconds);
  return roughMs > 0 && isPossible(roughMs) ? roughMs : null;
}

/** In LiveKit's words; nothing where it does not know, or we do not know its word. */
function reasonFor({ disconnectReason }: Participant): { reason?: string } {
  const reason =
    DisconnectReason[numberIn(DisconnectReason, disconnectReason ?? DisconnectReason.UNKNOWN_REASON)];
  return reason === undefined || reason === 'UNKNOWN_REASON' ? {} : { reason };
}

const SECONDS_END = 100_000_000_000n;

/** LiveKit writes seconds. What would be far beyond the year 5000 in seconds is in milliseconds. */
function msOf(time: bigint): number {
  return Number(time >= SECONDS_END ? time : time * 1_000n);
}

/** Its end may have been cut off. */
const TURN_PASSWORD = /("turnPassword"\s*:\s*)"(?:[^"\\]|\\.)*("|\\?$)/s;

/** Short, and nothing in it that PostgreSQL cannot store. */
function isName(text: string | null | undefined): text is string {
  return (
    typeof text === 'string' &&
    text !== '' &&
    text.length <= 500 &&
    !text.includes('\0') &&
    text.isWellFormed()
  );
}

const nameIn = (text: string | null | undefined): string | null => (isName(text) ? text : null);

const withoutPassword = (text: string): string => text.replace(TURN_PASSWORD, '$1""');

function textOf(body: Buffer): string {
  const kept = body.subarray(0, MOST_BYTES);
  if (isUtf8(kept) && !kept.includes(0)) return withoutPassword(kept.toString('utf8'));
  return `base64:${Buffer.from(withoutPassword(kept.toString('latin1')), 'latin1').toString('base64')}`;
}

function reasonOf(error: unknown): string {
  const [issue] = error instanceof z.ZodError ? error.issues : [];
  const message = issue ? `${issue.path.join('.') || 'body'}: ${issue.message}` : String(error);
  // It may repeat what was sent, cut in the middle of a letter.
  return message.slice(0, 200).replaceAll('\0', '').toWellFormed();
}
