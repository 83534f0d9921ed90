import { z } from 'zod';
import { invalid } from './problem.ts';

/** Where the next page begins. Opaque to clients: base64url of a small JSON array that starts with the list's name. */
export function writeCursor(list: string, position: (string | number)[]): string {
  return Buffer.from(JSON.stringify([list, ...position])).toString('base64url');
}

export function readCursor<T extends [z.ZodType, ...z.ZodType[]]>(
  list: string,
  position: z.ZodTuple<T>,
  cursor: string | undefined,
): z.output<z.ZodTuple<T>> | null {
  if (cursor === undefined) return null;
  const parsed = position.safeParse(contents(list, cursor));
  if (parsed.success) return parsed.data;
  throw invalid({
    field: 'cursor',
    message: 'must be the next_cursor of an earlier answer of the same list',
  });
}

function contents(list: string, cursor: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(value) && value[0] === list ? value.slice(1) : null;
  } catch {
    return null;
  }
}

/** Instants in a cursor, within what PostgreSQL and JavaScript both know. */
export const cursorMs = z.int().min(0).max(253_402_300_799_999);
export const cursorText = z
  .string()
  .max(200)
  .refine((text) => !text.includes('\0') && text.isWellFormed());
export const cursorId = z.string().regex(/^\d{1,18}$/);

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** Makes a page of `rows`, of which one more than `limit` was asked for to see whether there is another page. */
export function pageOf<R, T>(
  rows: R[],
  limit: number,
  show: (row: R) => T,
  cursorOf: (row: R) => string,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(show),
    next_cursor: rows.length > limit && last !== undefined ? cursorOf(last) : null,
  };
}
