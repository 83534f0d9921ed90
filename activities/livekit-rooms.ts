import { LiveKitFault } from '../src/livekit/fault.ts';
import type { LiveKitRooms } from '../src/livekit/rooms.ts';
import type { ActivityDeps } from './index.ts';

/** The rooms of LiveKit. Throws a fault that names the cure where LiveKit is off, or another tenant's own. */
export function livekitRooms({ livekit }: Pick<ActivityDeps, 'livekit'>, tenantId: string): LiveKitRooms {
  if (livekit === null) {
    throw new LiveKitFault(
      'not_configured',
      'never',
      'LiveKit is off: the worker needs LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET',
    );
  }
  if (livekit.ownTenant !== null && livekit.ownTenant !== tenantId) {
    throw new LiveKitFault(
      'not_configured',
      'never',
      "LiveKit is another school's own: the worker needs a key without a tenant in LIVEKIT_KEYS",
    );
  }
  return livekit;
}
