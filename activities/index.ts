/** Side effects, one file for each verb. Every one may run twice: natural keys and upserts make the second do nothing. */
import type { Logger } from 'pino';
import type { Database } from '../src/db/client.ts';
import type { RetryTimes } from '../src/db/plans.ts';
import type { MeetAdapter } from '../src/meet/adapter.ts';
import type { PresentMemory } from '../src/meet/answer.ts';
import { closeCancelled } from './close-cancelled.ts';
import { endSession } from './end-session.ts';
import { fetchNowOnce } from './fetch-now-once.ts';
import { fetchParticipants } from './fetch-participants.ts';
import { openSession } from './open-session.ts';
import { prepareSpace } from './prepare-space.ts';
import { readPlan } from './read-plan.ts';
import { reconcile } from './reconcile.ts';

export type { ClassPlan } from '../src/db/plans.ts';
export type { FetchNowResult } from './fetch-now-once.ts';

export interface ActivityDeps {
  db: Database;
  meet: MeetAdapter;
  retry: RetryTimes;
  /** UTC milliseconds. */
  now: () => number;
  log: Logger;
  /** What the last present listing of a class knows, so that the next asks less; lost with the process, at no harm. */
  presentMemory: Map<string, PresentMemory>;
}

/** What the workflows may call. */
export type Activities = ReturnType<typeof createActivities>;

type Rest<F> = F extends (deps: ActivityDeps, ...args: infer A) => unknown ? A : never;

export function createActivities(deps: ActivityDeps) {
  return {
    readPlan: (...args: Rest<typeof readPlan>) => readPlan(deps, ...args),
    prepareSpace: (...args: Rest<typeof prepareSpace>) => prepareSpace(deps, ...args),
    openSession: (...args: Rest<typeof openSession>) => openSession(deps, ...args),
    fetchParticipants: (...args: Rest<typeof fetchParticipants>) => fetchParticipants(deps, ...args),
    fetchNowOnce: (...args: Rest<typeof fetchNowOnce>) => fetchNowOnce(deps, ...args),
    endSession: (...args: Rest<typeof endSession>) => endSession(deps, ...args),
    reconcile: (...args: Rest<typeof reconcile>) => reconcile(deps, ...args),
    closeCancelled: (...args: Rest<typeof closeCancelled>) => closeCancelled(deps, ...args),
  };
}
