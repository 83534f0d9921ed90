import { RoomConfiguration, TrackSource } from '@livekit/protocol';
import { AccessToken } from 'livekit-server-sdk';
import type { RosterRole } from '../attendance/facts.ts';
import { joinIdentity } from './identity-form.ts';
import type { LiveKitSettings } from './keys.ts';
import { KEPT_LONGER_SECONDS } from './rooms.ts';

export interface JoinTokenRequest {
  settings: LiveKitSettings;
  /** The one room that it opens. */
  room: string;
  personId: string;
  /** Tells two devices of one person apart; the same again takes the place of the first. */
  device: string;
  /** For display. */
  name: string;
  role: RosterRole;
  /** UTC milliseconds, rounded up to a second. LiveKit goes on taking it for a minute. */
  expiresMs: number;
}

/**
 * A token with which one person joins one room from one device. It holds from now on: LiveKit forgives a clock that is
 * up to a minute off. Whoever is connected when it expires stays.
 */
export async function createJoinToken(request: JoinTokenRequest): Promise<string> {
  const { settings, room, personId, device, name, role, expiresMs } = request;
  const lifeSeconds = Math.ceil(expiresMs / 1_000) - Math.floor(Date.now() / 1_000);
  const token = new AccessToken(settings.key.apiKey, settings.key.secret, {
    identity: joinIdentity(personId, device),
    name,
    // In words: the number 0 would stand for six hours.
    ttl: `${lifeSeconds}s`,
  });
  // Whoever comes before the room is made makes it, and LiveKit's own times would close it as soon as they leave.
  const keptSeconds = Math.max(0, lifeSeconds) + KEPT_LONGER_SECONDS;
  token.roomConfig = new RoomConfiguration({ emptyTimeout: keptSeconds, departureTimeout: keptSeconds });
  token.addGrant({
    room,
    roomJoin: true,
    roomAdmin: false,
    canPublish: true,
    canPublishData: true,
    canSubscribe: true,
    ...(role === 'teacher' ? {} : { canPublishSources: STUDENT_SOURCES }),
  });
  return await token.toJwt();
}

/** No screen: a class shows what its teacher chose. */
const STUDENT_SOURCES = [TrackSource.CAMERA, TrackSource.MICROPHONE];
