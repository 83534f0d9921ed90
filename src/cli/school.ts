import { InvalidArgumentError } from 'commander';
import { TENANT_NAME } from '../tenant-name.ts';

/** Reads the name of a school from the command line; it becomes part of workflow ids. */
export function schoolName(name: string): string {
  if (TENANT_NAME.test(name)) return name;
  throw new InvalidArgumentError('expected 1 to 63 of a-z, 0-9, - and _.');
}
