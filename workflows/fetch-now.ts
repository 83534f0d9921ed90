import { getExternalWorkflowHandle } from '@temporalio/workflow';
import type { FetchNowResult } from '../activities/index.ts';
import type { Provider } from '../src/attendance/facts.ts';
import { fetchNowOn } from './activity-options.ts';
import { evidenceArrived } from './messages.ts';

/** Somebody asked to see the participants at once; through Temporal, so that the rate limit holds for this call too. */
export async function fetchNow({
  provider = 'meet',
  ...session
}: {
  tenantId: string;
  classId: string;
  provider?: Provider;
}): Promise<FetchNowResult> {
  const { result, ring } = await fetchNowOn(provider)(session);
  if (ring) {
    const klass = getExternalWorkflowHandle(`class/${session.tenantId}/${session.classId}`);
    // It may have settled meanwhile, and then nobody waits for evidence.
    await klass.signal(evidenceArrived).catch(() => {});
  }
  return result;
}
