import { z } from 'zod';
import type { Provider } from '../attendance/facts.ts';
import { listClasses } from '../db/classes.ts';
import { type ClassRef, inTenant } from '../db/client.ts';
import { readClass } from '../db/plans.ts';
import { loggable } from '../loggable.ts';
import type { FetchNowResult } from '../temporal/class-workflows.ts';
import { Problem, tryAgain } from './problem.ts';
import { act, type Deps } from './route.ts';
import { within } from './within.ts';

/** Below the 15 s after which the server gives a request up. */
const PATIENCE_MS = 14_000;
/** Of each provider; more classes than one tenant runs at a time, and Meet's quota would not allow more at once anyway. */
const MOST_CLASSES = 200;

const outcome = {
  class_id: z.string(),
  ok: z.boolean(),
  present: z.int().meta({ description: 'People in the call at that instant' }),
  participants: z.int().meta({ description: 'People whom the class has shown so far' }),
  conferences: z.int(),
  reason: z.object({ code: z.string(), message: z.string() }).optional(),
};
const outcomeSchema = z.object(outcome).meta({ id: 'FetchOutcome' });

export const syncRoutes = [
  act({
    path: '/monitoring/sync-participants/{class_id}',
    operationId: 'syncParticipants',
    tag: 'monitoring',
    summary: 'Fetch the participants of a Meet or LiveKit class now',
    roles: ['admin', 'service'],
    answers: { 200: { description: 'What was found', schema: outcomeSchema } },
    async handle({ deps, ref }) {
      const { row } = await inTenant(deps.db, ref.tenantId, (tx) => readClass(tx, ref));
      if (row.provider === 'whiteboard') {
        throw new Problem(
          'conflict',
          'participants are fetched from Meet and LiveKit; this class meets on whiteboard, which tells by itself',
        );
      }
      if (row.status === 'cancelled') throw new Problem('conflict', 'the class is cancelled');
      return { status: 200, body: { class_id: ref.classId, ...(await fetchNow(deps, ref, row.provider)) } };
    },
  }),
  act({
    path: '/monitoring/sync-all-active',
    operationId: 'syncAllActive',
    tag: 'monitoring',
    summary: 'Fetch the participants of every active Meet and LiveKit class now',
    roles: ['admin', 'service'],
    answers: {
      200: {
        description: 'What was found in each class',
        schema: z.object({ items: z.array(outcomeSchema), next_cursor: z.null() }),
      },
    },
    async handle({ deps, tenantId }) {
      const nowMs = deps.now();
      const active = await inTenant(deps.db, tenantId, async (tx) => {
        const page = { after: null, limit: MOST_CLASSES, nowMs };
        const onMeet = await listClasses(tx, tenantId, { status: 'active', provider: 'meet' }, page);
        const onLiveKit = await listClasses(tx, tenantId, { status: 'active', provider: 'livekit' }, page);
        return [...onMeet, ...onLiveKit];
      });
      if (active.length > 0 && !(await isReachable(deps))) throw tryAgain('Temporal cannot be reached', 5);
      const items = await Promise.all(
        active.map(async ({ row }) => ({
          class_id: row.id,
          ...(await fetchOrSay(deps, { tenantId, classId: row.id }, row.provider)),
        })),
      );
      return { status: 200, body: { items, next_cursor: null } };
    },
  }),
];

async function fetchNow(deps: Deps, ref: ClassRef, provider: Provider): Promise<FetchNowResult> {
  try {
    return await within(PATIENCE_MS, deps.workflows.fetchNow(ref, provider));
  } catch (error) {
    deps.metrics.temporalFailures.inc({ call: 'fetch' });
    deps.log.warn(
      { failure: loggable(error), tenant: ref.tenantId, class_id: ref.classId },
      'fetch now failed',
    );
    throw tryAgain(
      'the participants could not be fetched now; the class goes on being fetched as planned',
      5,
      error,
    );
  }
}

async function isReachable({ workflows }: Deps): Promise<boolean> {
  return await within(2_000, workflows.isReachable()).catch(() => false);
}

/** One class that fails says so and takes nothing from the others. */
async function fetchOrSay(deps: Deps, ref: ClassRef, provider: Provider): Promise<FetchNowResult> {
  try {
    return await fetchNow(deps, ref, provider);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      present: 0,
      participants: 0,
      conferences: 0,
      reason: { code: 'not_fetched', message },
    };
  }
}
