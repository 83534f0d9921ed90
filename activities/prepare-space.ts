import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { MeetFault } from '../src/meet/fault.ts';
import { readErrand, storeSpace } from './capture-from-meet.ts';
import type { ActivityDeps } from './index.ts';
import { noteProblem } from './note-problem.ts';
import { retryOf, speechOf } from './provider-retry.ts';

/** Makes sure that a Meet class has a space: the one of its meeting code, or a new one. Tried again until Google gives it. */
export async function prepareSpace(deps: ActivityDeps, ref: ClassRef): Promise<void> {
  const { subject, organizerPersonId, spaceName, meetingCode } = await inTenant(deps.db, ref.tenantId, (tx) =>
    readErrand(tx, ref),
  );
  if (spaceName !== null) return;
  try {
    const space =
      meetingCode === null
        ? await deps.meet.createSpace({ subject })
        : await deps.meet.getSpace({ subject, code: meetingCode });
    await inTenant(deps.db, ref.tenantId, async (tx) => {
      await storeSpace(tx, ref, space, { organizerPersonId, meetingCode });
      await noteProblem(tx, ref, null, deps.now());
    });
  } catch (error) {
    if (!(error instanceof MeetFault)) throw error;
    await inTenant(deps.db, ref.tenantId, (tx) => noteProblem(tx, ref, error, deps.now()));
    throw refusal(error, deps.now());
  }
}

const refusal = (fault: MeetFault, nowMs: number): ApplicationFailure =>
  retryOf(fault, activityInfo().attempt, nowMs, Number.POSITIVE_INFINITY) ??
  ApplicationFailure.create({ ...speechOf(fault), nonRetryable: true });
