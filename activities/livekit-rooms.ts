import { LiveKitFault } from '../src/livekit/fault.ts';
import type { LiveKitRooms } from '../src/livekit/rooms.ts';
import type { ActivityDeps } from './index.ts';

/** The rooms of LiveKit. Throws a fault that names the cure where LiveKit is off. */
export function livekitRooms({ livekit }: Pick<ActivityDeps, 'livekit'>): LiveKitRooms {
  if (livekit !== null) return livekit;
  throw new LiveKitFault(
    'not_configured',
    'never',
    'LiveKit is off: the worker needs LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET',
  );
}
