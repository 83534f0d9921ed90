/** What V8 does with an object, for tests that state it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--allow-natives-syntax');
setFlagsFromString('--expose-gc');

/** It would be collected young. */
export const isYoung: (value: unknown) => boolean = new Function(
  'value',
  'return %InYoungGeneration(value)',
) as never;

const collect: (options: { type: 'minor' }) => void = runInNewContext('gc');

setFlagsFromString('--no-expose-gc');
setFlagsFromString('--no-allow-natives-syntax');

export const collectYoung = (): void => collect({ type: 'minor' });
