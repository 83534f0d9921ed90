import type { FetchNowResult } from '../activities/index.ts';
import { fetchNowOnce } from './activity-options.ts';

/** Somebody asked to see the participants at once; through Temporal, so that the rate limit holds for this call too. */
export async function fetchNow(session: { tenantId: string; classId: string }): Promise<FetchNowResult> {
  return await fetchNowOnce(session);
}
