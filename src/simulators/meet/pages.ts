import type { PagingSetting } from './control-protocol.ts';
import { meetError } from './google-errors.ts';

export interface PageRequest {
  pageSize: number;
  pageToken: string | undefined;
  /** What the token belongs to; the same token with another query is refused, as Google does. */
  query: string;
}

/**
 * One page of rows, and a token while there are more. Google promises no more than that: a page may hold fewer rows
 * than asked for, even none, and still have a next one.
 */
export function pageOf<Row>(rows: Row[], request: PageRequest, paging: PagingSetting) {
  const { emptyPages, offset } = positionOf(request);
  if (emptyPages < paging.empty_pages_first) {
    return { rows: [], nextPageToken: tokenOf(request.query, emptyPages + 1, offset) };
  }
  const end = offset + Math.min(request.pageSize, paging.max_rows ?? request.pageSize);
  return {
    rows: rows.slice(offset, end),
    nextPageToken: end < rows.length ? tokenOf(request.query, emptyPages, end) : undefined,
  };
}

/** Sizes above the maximum are coerced to it, absent and zero mean the default, negative ones are refused. */
export function pageSizeOf(asked: unknown, limits: { default: number; max: number }): number {
  const size = asked === undefined ? 0 : Number(asked);
  if (!Number.isInteger(size) || size < 0) throw meetError(400, `Invalid page_size ${String(asked)}`);
  return Math.min(size || limits.default, limits.max);
}

function positionOf({ pageToken, query }: PageRequest): { emptyPages: number; offset: number } {
  if (pageToken === undefined) return { emptyPages: 0, offset: 0 };
  const [emptyPages, offset, ...rest] = Buffer.from(pageToken, 'base64url').toString('utf8').split(' ');
  if (rest.join(' ') !== query) throw meetError(400, 'Invalid page_token for this request');
  return { emptyPages: Number(emptyPages), offset: Number(offset) };
}

const tokenOf = (query: string, emptyPages: number, offset: number) =>
  Buffer.from(`${emptyPages} ${offset} ${query}`).toString('base64url');
