import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keptBundle } from './workflow-bundle.ts';

let root: string;
let made: number;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rollcall-bundle-'));
  await mkdir(join(root, 'workflows/phases'), { recursive: true });
  await writeFile(join(root, 'workflows/phases/live.ts'), 'one');
  await writeFile(join(root, 'lock.json'), '1');
  made = 0;
});
afterEach(() => rm(root, { recursive: true }));

const dir = () => join(root, 'kept');
const bundle = (into = dir()): Promise<string> =>
  keptBundle({ root, sources: ['workflows', 'lock.json'], dir: into, make: async () => `code ${++made}` });

test('is made once of the same sources', async () => {
  expect(await bundle()).toBe('code 1');
  expect(await bundle()).toBe('code 1');
  expect(await readdir(dir())).toHaveLength(1);
});

test.each([
  ['a source changed', 'workflows/phases/live.ts'],
  ['a source was added', 'workflows/end.ts'],
  ['a package changed', 'lock.json'],
])('is made anew when %s', async (_, file) => {
  await bundle();
  await writeFile(join(root, file), 'two');
  expect(await bundle()).toBe('code 2');
});

test('is not made anew for a test', async () => {
  await bundle();
  await writeFile(join(root, 'workflows/phases/live.test.ts'), 'test');
  expect(await bundle()).toBe('code 1');
});

test('is made each time where it cannot be kept', async () => {
  await writeFile(join(root, 'file'), '');
  expect(await bundle(join(root, 'file/kept'))).toBe('code 1');
  expect(await bundle(join(root, 'file/kept'))).toBe('code 2');
});

test('of a week ago makes room for the next', async () => {
  await bundle();
  const [old = ''] = await readdir(dir());
  await utimes(join(dir(), old), 0, 0);
  await writeFile(join(root, 'lock.json'), '2');
  await bundle();
  expect(await readdir(dir())).not.toContain(old);
});
