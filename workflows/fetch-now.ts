import { getExternalWorkflowHandle } from '@temporalio/workflow';
import type { FetchNowResult } from '../activities/index.ts';
import { fetchNowOnce } from './activity-options.ts';
import { evidenceArrived } from './messages.ts';

/** Somebody asked to see the participants at once; through Temporal, so that the rate limit holds for this call too. */
export async function fetchNow(session: { tenantId: string; classId: string }): Promise<FetchNowResult> {
  const { result, ring } = await fetchNowOnce(session);
  if (ring) {
    const klass = getExternalWorkflowHandle(`class/${session.tenantId}/${session.classId}`);
    // It may have settled meanwhile, and then nobody waits for evidence.
    await klass.signal(evidenceArrived).catch(() => {});
  }
  return result;
}
