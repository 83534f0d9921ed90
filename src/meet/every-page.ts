import { MeetFault } from './fault.ts';

export interface Page<Row> {
  rows: Row[];
  nextPageToken: string | null | undefined;
}

/**
 * Reads a list to its end. A page with few rows, or none, is no end as long as it names a next one.
 * @throws MeetFault `bad_answer` when a page names itself as its next one, which would never end
 */
export async function everyPage<Row>(fetchPage: (pageToken?: string) => Promise<Page<Row>>): Promise<Row[]> {
  const rows: Row[] = [];
  let pageToken: string | undefined;
  for (;;) {
    const page = await fetchPage(pageToken);
    rows.push(...page.rows);
    if (!page.nextPageToken) return rows;
    if (page.nextPageToken === pageToken) {
      throw new MeetFault(
        'bad_answer',
        'retry',
        `Google gave the page token ${pageToken} as its own successor`,
      );
    }
    pageToken = page.nextPageToken;
  }
}
