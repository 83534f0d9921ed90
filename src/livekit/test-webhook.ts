/** Deliveries as LiveKit makes them, signed as LiveKit signs. */
import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import type { LiveKitKey, LiveKitSettings } from './keys.ts';

export const KEY: LiveKitKey = {
  apiKey: 'APIofTheTests',
  secret: 'a-secret-of-the-tests-of-more-than-thirty-two',
  tenantId: null,
};
export const LIVEKIT: LiveKitSettings = { url: 'ws://127.0.0.1:7880', key: KEY, keys: [KEY] };

/** @param life seconds before and after now in which the token holds */
export async function sign(
  body: string | Buffer,
  { key = KEY, hash = sha256(body), life = [0, 300] as [number, number], alg = 'HS256' } = {},
): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1_000);
  return await new SignJWT({ sha256: hash })
    .setProtectedHeader({ alg })
    .setIssuer(key.apiKey)
    .setNotBefore(nowSeconds - life[0])
    .setExpirationTime(nowSeconds + life[1])
    .sign(Buffer.from(key.secret));
}

export const sha256 = (body: string | Buffer): string => createHash('sha256').update(body).digest('base64');

const PASSWORD = 'of-a-room-of-the-tests';
/** As it is kept: without the password of the room. */
export const asKept = (body: string): string => body.replace(PASSWORD, '');

interface Told {
  id?: string;
  room: string;
  roomSid?: string;
  /** Participant sid and identity. */
  sid?: string;
  identity?: string;
  /** Milliseconds; written in seconds, as LiveKit does. */
  atMs: number;
  joinedMs?: number;
  participant?: Record<string, unknown>;
  more?: Record<string, unknown>;
}

/** The JSON of one delivery, with the fields that a LiveKit server of version 1.13 writes. */
export function delivery(event: string, told: Told): Record<string, unknown> {
  const { room, roomSid = 'RM_1', sid, identity = 'someone', atMs, joinedMs = atMs } = told;
  const ofRoom = event.startsWith('room_');
  return {
    event,
    id: told.id ?? `EV_${event}_${room}_${sid ?? ''}_${atMs}`,
    createdAt: String(Math.floor(atMs / 1_000)),
    room: {
      sid: roomSid,
      name: room,
      emptyTimeout: 60,
      creationTime: String(Math.floor(atMs / 1_000)),
      turnPassword: PASSWORD,
    },
    ...(ofRoom
      ? {}
      : {
          participant: {
            sid,
            identity,
            name: `Name of ${identity}`,
            state: event === 'participant_left' ? 'DISCONNECTED' : 'ACTIVE',
            joinedAt: String(Math.floor(joinedMs / 1_000)),
            joinedAtMs: String(joinedMs),
            kind: 'STANDARD',
            ...told.participant,
          },
        }),
    ...told.more,
  };
}
