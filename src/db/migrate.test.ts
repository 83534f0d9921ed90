import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

test('the migrations say what the schema says', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'rollcall-drizzle-'));
  onTestFinished(() => rm(copy, { recursive: true, force: true }));
  await cp(join(ROOT, 'drizzle'), copy, { recursive: true });
  const kit = join(dirname(createRequire(import.meta.url).resolve('drizzle-kit')), 'bin.cjs');
  const target = ['--dialect', 'postgresql', '--schema', 'src/db/schema.ts', '--out', relative(ROOT, copy)];
  const { stdout } = await promisify(execFile)(process.execPath, [kit, 'generate', ...target], { cwd: ROOT });
  expect(stdout).toContain('No schema changes');
});
