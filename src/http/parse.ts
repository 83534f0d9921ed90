import { z } from 'zod';
import { type FieldError, invalid } from './problem.ts';
import { textProblems } from './text-check.ts';

/** Parses what a client sent. Throws a problem that names every wrong field and what would be accepted. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const unreadable = textProblems(value);
  if (unreadable.length > 0) throw invalid(...unreadable);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(...parsed.error.issues.slice(0, 20).flatMap((issue) => fieldErrors(schema, issue)));
}

function fieldErrors(schema: z.ZodType, issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code !== 'unrecognized_keys')
    return [{ field: pathOf(issue.path) || 'body', message: issue.message }];
  const accepted = fieldsAt(schema, issue.path);
  return issue.keys.slice(0, 20).map((key) => ({
    field: pathOf([...issue.path, key.slice(0, 100)]),
    message: `is not known; accepted are ${accepted.join(', ')}`,
  }));
}

function pathOf(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}

/** The fields of the object schema that `path` leads to. */
function fieldsAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  const inner = unwrapped(schema);
  const [first, ...rest] = path;
  if (inner instanceof z.ZodObject) {
    return first === undefined ? Object.keys(inner.shape) : fieldsAt(inner.shape[String(first)], rest);
  }
  return inner instanceof z.ZodArray ? fieldsAt(inner.element, rest) : [];
}

function unwrapped(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable || inner instanceof z.ZodDefault) {
    inner = inner.unwrap();
  }
  return inner;
}
