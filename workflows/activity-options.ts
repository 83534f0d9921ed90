/** Every activity as the phases call it, with its timeouts and retries and the reason for each. */
import {
  type ActivityOptions,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { Activities, ClassPlan } from '../activities/index.ts';
import type { Provider } from '../src/attendance/facts.ts';
import { LIVEKIT_QUEUE, MEET_QUEUE, MEET_SPACES_QUEUE, WEBHOOK_QUEUE } from './queues.ts';

/** Our own database comes back, so nobody gives up; five seconds is the promise for being back at work. */
const ownDatabase = (summary: string) =>
  ({
    startToCloseTimeout: '20 seconds', // a statement may take 15 s
    retry: { initialInterval: '200 milliseconds', backoffCoefficient: 2, maximumInterval: '5 seconds' },
    summary,
  }) satisfies ActivityOptions;

/**
 * A full fetch of a large class takes many calls, so a worker that died is noticed by its silence. Which fault is worth
 * another try, and after how long, the activity says itself.
 */
const meetReads = (summary: string): ActivityOptions => ({
  taskQueue: MEET_QUEUE,
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds', // they beat every 2 s; a worker that is only busy is not taken for dead
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  summary,
});

/**
 * The space is asked for long before anybody needs it, in the background, so patience costs nothing. Making one has a
 * narrow quota of its own; who only reads one does not stand in that queue.
 */
const meetSpaces = (summary: string, taskQueue: string): ActivityOptions => ({
  taskQueue,
  startToCloseTimeout: '45 seconds',
  retry: { initialInterval: '2 seconds', backoffCoefficient: 2, maximumInterval: '5 minutes' },
  summary,
});

/**
 * LiveKit answers within milliseconds or, by the adapter, not at all: five seconds for a turn and five for each call. Which
 * fault is worth another try, and after how long, the activity says itself.
 */
const livekitCalls = (summary: string): ActivityOptions => ({
  taskQueue: LIVEKIT_QUEUE,
  startToCloseTimeout: '2 minutes', // a few calls, and a database that may take its time
  heartbeatTimeout: '10 seconds', // as for Meet
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
  summary,
});

/**
 * Within the workflow task, without a way through Temporal: one event instead of six, and a thousand classes that open
 * within 45 s cost the development server a quarter less (23 ms each instead of 31, measured). It may take three seconds:
 * waiting here writes history, so a database that is away is waited for through Temporal.
 */
const within = (summary: string) => ({
  ...ownDatabase(summary),
  scheduleToCloseTimeout: '3 seconds' as const,
});

const quickly =
  <A extends unknown[], R>(here: (...args: A) => Promise<R>, throughTemporal: (...args: A) => Promise<R>) =>
  async (...args: A): Promise<R> => {
    try {
      return await here(...args);
    } catch (error) {
      if (isCancellation(error)) throw error;
      return await throughTemporal(...args);
    }
  };

const READ = 'Read the plan of the class';
const OPEN = 'Open the session';
export const readPlan = quickly(
  proxyLocalActivities<Activities>(within(READ)).readPlan,
  proxyActivities<Activities>(ownDatabase(READ)).readPlan,
);
export const openSession = quickly(
  proxyLocalActivities<Activities>(within(OPEN)).openSession,
  proxyActivities<Activities>(ownDatabase(OPEN)).openSession,
);
export const { endSession } = proxyActivities<Activities>(ownDatabase('End the session'));
const { prepareSpace: makeSpace } = proxyActivities<Activities>(
  meetSpaces('Ask Google for a Meet space', MEET_SPACES_QUEUE),
);
const { prepareSpace: readSpace } = proxyActivities<Activities>(
  meetSpaces('Read the Meet space that was given', MEET_QUEUE),
);
export const prepareSpaceOf = ({ spaceGiven }: ClassPlan): Activities['prepareSpace'] =>
  spaceGiven ? readSpace : makeSpace;
export const { prepareRoom } = proxyActivities<Activities>(livekitCalls('Make the LiveKit room'));
export const { deleteEmptyRoom } = proxyActivities<Activities>(
  livekitCalls('Delete the room unless somebody is in it'),
);

const { fetchParticipants: fetchPresent } = proxyActivities<Activities>(meetReads('Fetch participants'));
const { fetchParticipants: listPresent } = proxyActivities<Activities>(livekitCalls('List the room'));
export const fetchPresentOn = (provider: Provider): Activities['fetchParticipants'] =>
  provider === 'livekit' ? listPresent : fetchPresent;
export const { fetchParticipants: fetchAll } = proxyActivities<Activities>(
  meetReads('Fetch everybody who was there'),
);
export const { fetchParticipants: listAtTheEnd } = proxyActivities<Activities>(
  livekitCalls('List the room at the end'),
);

const ASKED = 'Fetch participants, as asked';
const WAITED_FOR = { scheduleToCloseTimeout: '30 seconds' } as const; // somebody waits for the answer
const { fetchNowOnce } = proxyActivities<Activities>({ ...meetReads(ASKED), ...WAITED_FOR });
const { fetchNowOnce: listNowOnce } = proxyActivities<Activities>({ ...livekitCalls(ASKED), ...WAITED_FOR });
export const fetchNowOn = (provider: Provider): Activities['fetchNowOnce'] =>
  provider === 'livekit' ? listNowOnce : fetchNowOnce;

const CLOSE = 'Close the room of the cancelled class';
const { closeCancelled } = proxyActivities<Activities>(meetReads(CLOSE));
const { closeCancelled: closeOnLiveKit } = proxyActivities<Activities>(livekitCalls(CLOSE));
export const closeOn = (provider: Provider): Activities['closeCancelled'] =>
  provider === 'livekit' ? closeOnLiveKit : closeCancelled;

const { reconcile: reconcileFromMeet } = proxyActivities<Activities>(
  meetReads('Fetch what is missing and calculate attendance'),
);
const { reconcile: reconcileFromLiveKit } = proxyActivities<Activities>(
  livekitCalls('List the room and calculate attendance'),
);
const { reconcile: reconcileFromLog } = proxyActivities<Activities>(ownDatabase('Calculate attendance'));

/** Meet and LiveKit are asked again with each attempt; every other source sends its evidence by itself. */
export function reconcileOn(provider: Provider): Activities['reconcile'] {
  switch (provider) {
    case 'meet':
      return reconcileFromMeet;
    case 'livekit':
      return reconcileFromLiveKit;
    case 'whiteboard':
      return reconcileFromLog;
    default:
      return provider satisfies never;
  }
}

const { deliverWebhook } = proxyActivities<Activities>({
  taskQueue: WEBHOOK_QUEUE,
  startToCloseTimeout: '30 seconds', // a receiver has 15 s, and our database may take its time
  // A weekend: so long somebody may be away who could mend the receiver.
  scheduleToCloseTimeout: '3 days',
  // As the activity asks for by its own count; this alone decides where not a receiver but our database failed.
  retry: {
    initialInterval: '5 seconds', // a receiver that is just being restarted
    backoffCoefficient: 2,
    maximumInterval: '4 hours', // some thirty attempts in all; one that is back is found within the same day
  },
  summary: 'Hand the message over',
});
export const postWebhook = deliverWebhook;
export const { giveUpDelivery } = proxyActivities<Activities>(ownDatabase('Give the delivery up'));
