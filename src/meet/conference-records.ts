import type { ListedRoom } from '../attendance/facts.ts';
import type { FetchWindow } from './answer.ts';
import { everyPage } from './every-page.ts';
import type { GoogleCaller } from './google-caller.ts';
import type { MeetApi } from './google-clients.ts';
import { optionalTimeMs, requiredField, requiredTimeMs } from './resource-fields.ts';
import { MEET_SCOPES } from './scopes.ts';

/** Google's largest page of records. */
const PAGE_SIZE = 100;

/**
 * Every conference record of a space that overlaps the window: it begins before the window ends, and has not ended or
 * ends after the window begins. Google filters by the beginning; "no end or an end after" needs an OR, which Meet does
 * not document, so the end is looked at here.
 * @param query.spaceName all spaces of the subject when left out
 * @returns earliest first
 */
export async function overlappingRecords(
  call: GoogleCaller,
  api: MeetApi,
  { subject, spaceName, window }: { subject: string; spaceName?: string; window: FetchWindow },
): Promise<ListedRoom[]> {
  const begun = `start_time <= "${new Date(window.endMs).toISOString()}"`;
  const filter = spaceName === undefined ? begun : `space.name = "${spaceName}" AND ${begun}`;
  const doing = `list conference records of ${spaceName ?? subject}`;
  const records = await everyPage(async (pageToken) => {
    const page = await call({ subject, scopes: MEET_SCOPES, doing }, (auth) =>
      api.conferenceRecords.list({ auth, filter, pageSize: PAGE_SIZE, ...(pageToken ? { pageToken } : {}) }),
    );
    return { rows: page.conferenceRecords ?? [], nextPageToken: page.nextPageToken };
  });
  return records
    .map((record) => ({
      room: requiredField(record, 'name'),
      startMs: requiredTimeMs(record, 'startTime'),
      endMs: optionalTimeMs(record, 'endTime'),
    }))
    .filter(({ startMs, endMs }) => startMs < window.endMs && (endMs === null || endMs > window.startMs))
    .sort((a, b) => a.startMs - b.startMs || a.room.localeCompare(b.room));
}
