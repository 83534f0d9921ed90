import { MeetFault } from './fault.ts';

/** A field that Google documents as always set. @throws MeetFault `bad_answer` when it is not there */
export function requiredField(resource: object, name: string): string {
  const value: unknown = Reflect.get(resource, name);
  if (typeof value === 'string' && value !== '') return value;
  throw new MeetFault('bad_answer', 'retry', `Google left out "${name}" in ${JSON.stringify(resource)}`);
}

/** UTC milliseconds of a time field; finer fractions are cut off. @throws MeetFault `bad_answer` when it is no time */
export function requiredTimeMs(resource: object, name: string): number {
  const atMs = Date.parse(requiredField(resource, name));
  if (Number.isNaN(atMs)) {
    throw new MeetFault('bad_answer', 'retry', `"${name}" is no time in ${JSON.stringify(resource)}`);
  }
  return atMs;
}

/** Null while it has not happened: an open session has no `endTime`. */
export function optionalTimeMs(resource: object, name: string): number | null {
  return Reflect.get(resource, name) ? requiredTimeMs(resource, name) : null;
}
