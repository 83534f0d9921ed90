/** Every activity as the phases call it, with its timeouts and retries and the reason for each. */
import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { MEET_QUEUE, MEET_SPACES_QUEUE } from './queues.ts';

/** Our own database comes back, so nobody gives up; five seconds is the promise for being back at work. */
const ownDatabase = (summary: string): ActivityOptions => ({
  startToCloseTimeout: '20 seconds', // a statement may take 15 s
  retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '5 seconds' },
  summary,
});

/**
 * A full fetch of a large class takes many calls, so a worker that died is noticed by its silence. Which fault is worth
 * another try, and after how long, the activity says itself.
 */
const meetReads = (summary: string): ActivityOptions => ({
  taskQueue: MEET_QUEUE,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '40 seconds', // one call may take 15 s, and is repeated once after a refused token
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  summary,
});

/** The space is asked for long before anybody needs it, so patience costs nothing; the opening asks once more. */
const meetSpaces = (summary: string): ActivityOptions => ({
  taskQueue: MEET_SPACES_QUEUE,
  startToCloseTimeout: '45 seconds',
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  summary,
});

export const { readPlan } = proxyActivities<Activities>(ownDatabase('Read the plan of the class'));
export const { openSession } = proxyActivities<Activities>(ownDatabase('Open the session'));
export const { endSession } = proxyActivities<Activities>(ownDatabase('End the session'));
export const { closeCancelled } = proxyActivities<Activities>(
  meetReads('Close the room of the cancelled class'),
);
export const { fetchParticipants } = proxyActivities<Activities>(meetReads('Fetch participants'));
export const { fetchParticipants: fetchAll } = proxyActivities<Activities>(
  meetReads('Fetch everybody who was there'),
);
export const { prepareSpace } = proxyActivities<Activities>(meetSpaces('Ask Google for a Meet space'));
export const { fetchNowOnce } = proxyActivities<Activities>({
  ...meetReads('Fetch participants, as asked'),
  scheduleToCloseTimeout: '30 seconds', // somebody waits for the answer
});
const { reconcile: reconcileFromMeet } = proxyActivities<Activities>(
  meetReads('Fetch what is missing and calculate attendance'),
);
const { reconcile: reconcileFromLog } = proxyActivities<Activities>(ownDatabase('Calculate attendance'));

/** Meet is asked again with each attempt; every other source sends its evidence by itself. */
export const reconcileOn = (provider: string): Activities['reconcile'] =>
  provider === 'meet' ? reconcileFromMeet : reconcileFromLog;
