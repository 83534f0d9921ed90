import { InvalidArgumentError } from 'commander';
import { isUuid } from '../uuid.ts';

/** Reads the id of a class from the command line; a session has the same. */
export function classId(text: string): string {
  if (isUuid(text)) return text.toLowerCase();
  throw new InvalidArgumentError('expected the id of a class, such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301.');
}
