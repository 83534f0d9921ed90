import type { Provider } from '../src/attendance/facts.ts';
import type { ClassRef } from '../src/db/client.ts';
import { captureFromMeet } from './capture-from-meet.ts';
import type { Captured, Scope } from './captured.ts';
import type { ActivityDeps } from './index.ts';
import { verifyLiveKitRoom } from './verify-livekit-room.ts';

/**
 * Asks the provider of a class who is there, and stores what it answers; null where nobody can be asked, because the
 * evidence comes by itself.
 * @param query.shared what somebody else was told a moment ago will do
 */
export async function capture(
  deps: ActivityDeps,
  ref: ClassRef,
  provider: Provider,
  query: { scope: Scope; shared?: boolean },
): Promise<Captured | null> {
  switch (provider) {
    case 'meet':
      return await captureFromMeet(deps, ref, query.scope);
    case 'livekit':
      return await verifyLiveKitRoom(deps, ref, query);
    case 'whiteboard':
      return null;
    default:
      return provider satisfies never;
  }
}
