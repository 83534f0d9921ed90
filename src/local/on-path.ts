import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Every executable of that name on PATH, first come first; a name with a slash is a path. */
export function onPath(name: string, env: NodeJS.ProcessEnv): string[] {
  if (name.includes('/')) return [name].filter(isExecutable);
  return (env.PATH ?? '')
    .split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .filter(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
