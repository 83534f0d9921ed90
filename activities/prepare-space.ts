import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import type { ClassPlan } from '../src/db/plans.ts';
import { MeetFault } from '../src/meet/fault.ts';
import { noteProblem, readErrand, storeSpace } from './capture-from-meet.ts';
import type { ActivityDeps } from './index.ts';
import { retryOf } from './meet-retry.ts';
import { readPlan } from './read-plan.ts';

/**
 * Makes sure that a Meet class has a space: the one of its meeting code, or a new one.
 * @param query.patient tries until Google gives it or says that somebody must change something; otherwise once
 */
export async function prepareSpace(
  deps: ActivityDeps,
  ref: ClassRef,
  { patient }: { patient: boolean },
): Promise<ClassPlan> {
  const { subject, spaceName, meetingCode } = await inTenant(deps.db, ref.tenantId, (tx) =>
    readErrand(tx, ref),
  );
  if (spaceName === null) {
    try {
      const space =
        meetingCode === null
          ? await deps.meet.createSpace({ subject })
          : await deps.meet.getSpace({ subject, code: meetingCode });
      await inTenant(deps.db, ref.tenantId, async (tx) => {
        await storeSpace(tx, ref, space);
        await noteProblem(tx, ref, null, deps.now());
      });
    } catch (error) {
      if (!(error instanceof MeetFault)) throw error;
      await inTenant(deps.db, ref.tenantId, (tx) => noteProblem(tx, ref, error, deps.now()));
      if (patient) throw refusal(error, deps.now());
    }
  }
  return await readPlan(deps, ref);
}

const refusal = (fault: MeetFault, nowMs: number): ApplicationFailure =>
  retryOf(fault, activityInfo().attempt, nowMs, Number.POSITIVE_INFINITY) ??
  ApplicationFailure.create({ message: `Google Meet: ${fault.code}`, type: fault.code, nonRetryable: true });
