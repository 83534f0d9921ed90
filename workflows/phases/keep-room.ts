import { isCancellation } from '@temporalio/workflow';
import type { ClassPlan } from '../../activities/index.ts';
import { prepareRoom } from '../activity-options.ts';
import type { Room } from '../class-session.ts';
import { createBeside } from './beside.ts';

/**
 * Has the LiveKit room of an open class made beside whatever the phase does, and again when it is gone before the class is
 * over. That is also how the room of a class that was prolonged is kept longer: LiveKit leaves a room that exists as it is,
 * however long it is asked to keep it (livekit-server 1.13.5, `getOrCreateRoom` in `pkg/service/roommanager.go`).
 */
export interface RoomKeeper {
  /** Asks, unless the room was made or somebody is asking. What is asked is tried again until `stop`. */
  ifNeeded(plan: ClassPlan): void;
  /** A listing did not find it. */
  missed(): void;
  stop(): void;
}

export function createRoomKeeper({ session, board }: Room): RoomKeeper {
  let made = false;
  const asking = createBeside();
  const ask = async () => {
    try {
      await prepareRoom(session);
      made = true;
    } catch (error) {
      if (!isCancellation(error)) board.capture_problem = 'the LiveKit room was refused';
    }
  };
  return {
    ifNeeded({ provider }) {
      if (provider === 'livekit' && !made) asking.begin(ask);
    },
    missed() {
      made = false;
    },
    stop: asking.stop,
  };
}
