/** Side effects, one file for each verb. Every one may run twice: natural keys and upserts make the second do nothing. */
import { activityInfo, heartbeat } from '@temporalio/activity';
import type { Logger } from 'pino';
import type { Database } from '../src/db/client.ts';
import type { RetryTimes } from '../src/db/plans.ts';
import type { LiveKitRooms } from '../src/livekit/rooms.ts';
import type { MeetAdapter } from '../src/meet/adapter.ts';
import type { SendWebhook } from '../src/outgoing/send-webhook.ts';
import { closeCancelled } from './close-cancelled.ts';
import { deleteEmptyRoom } from './delete-empty-room.ts';
import { deliverWebhook } from './deliver-webhook.ts';
import { endSession } from './end-session.ts';
import { fetchNowOnce } from './fetch-now-once.ts';
import { fetchParticipants } from './fetch-participants.ts';
import { giveUpDelivery } from './give-up-delivery.ts';
import { openSession } from './open-session.ts';
import { prepareRoom } from './prepare-room.ts';
import { prepareSpace } from './prepare-space.ts';
import type { PresentMemories } from './present-memory.ts';
import { readPlan } from './read-plan.ts';
import { reconcile } from './reconcile.ts';
import { speechless } from './speechless.ts';

export type { ClassPlan } from '../src/db/plans.ts';
export type { FetchNowResult } from './fetch-now-once.ts';

export interface ActivityDeps {
  db: Database;
  meet: MeetAdapter;
  /** Null: LiveKit is off. */
  livekit: LiveKitRooms | null;
  sendWebhook: SendWebhook;
  retry: RetryTimes;
  /** UTC milliseconds. */
  now: () => number;
  log: Logger;
  presentMemories: PresentMemories;
}

/** What the workflows may call. */
export type Activities = ReturnType<typeof createActivities>;

type Verb<A extends unknown[], R> = (deps: ActivityDeps, ...args: A) => Promise<R>;

/** Gives a verb what it works with, and keeps its failures from naming anybody. */
const bind =
  (deps: ActivityDeps) =>
  <A extends unknown[], R>(verb: Verb<A, R>) =>
  async (...args: A): Promise<R> => {
    try {
      return await verb(deps, ...args);
    } catch (error) {
      throw speechless(error, activityInfo().attempt, deps.log);
    }
  };

/** A worker that died is noticed by its silence, however long the work would have taken. */
const beating =
  <A extends unknown[], R>(verb: Verb<A, R>): Verb<A, R> =>
  async (...args) => {
    const timer = setInterval(heartbeat, 2_000);
    try {
      return await verb(...args);
    } finally {
      clearInterval(timer);
    }
  };

export function createActivities(deps: ActivityDeps) {
  const bound = bind(deps);
  return {
    readPlan: bound(readPlan),
    prepareSpace: bound(prepareSpace),
    prepareRoom: bound(beating(prepareRoom)),
    openSession: bound(openSession),
    fetchParticipants: bound(beating(fetchParticipants)),
    fetchNowOnce: bound(beating(fetchNowOnce)),
    endSession: bound(endSession),
    deleteEmptyRoom: bound(beating(deleteEmptyRoom)),
    reconcile: bound(beating(reconcile)),
    closeCancelled: bound(beating(closeCancelled)),
    deliverWebhook: bound(deliverWebhook),
    giveUpDelivery: bound(giveUpDelivery),
  };
}
