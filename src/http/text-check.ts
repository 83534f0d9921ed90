import type { FieldError } from './problem.ts';

/** Deeper than anything that the API takes; shallow enough to walk without care for the stack. */
const MAX_DEPTH = 12;

/**
 * Finds what PostgreSQL cannot store or nobody could read: NUL characters and lone surrogates in any string or field
 * name, and nesting beyond {@link MAX_DEPTH}. Answers the first of each branch, none when the value is sound.
 */
export function textProblems(value: unknown, field = '', depth = 0): FieldError[] {
  if (typeof value === 'string') return check(value, field);
  if (typeof value !== 'object' || value === null) return [];
  if (depth === MAX_DEPTH) return [{ field, message: `is nested more than ${MAX_DEPTH} deep` }];
  const found: FieldError[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const path = Array.isArray(value) ? `${field}[${key}]` : field === '' ? key : `${field}.${key}`;
    const ofKey = Array.isArray(value) ? [] : check(key, printable(path));
    found.push(...(ofKey.length > 0 ? ofKey : textProblems(inner, path, depth + 1)));
    if (found.length >= 20) break; // enough to mend; a body could be nothing but mistakes
  }
  return found;
}

function check(text: string, field: string): FieldError[] {
  if (text.includes('\0')) return [{ field, message: 'must not contain the NUL character' }];
  if (!text.isWellFormed())
    return [{ field, message: 'must be well-formed Unicode, without lone surrogates' }];
  return [];
}

function printable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD').slice(0, 100);
}
