/** The three rooms stay clean (docs/decisions): what may get into a workflow, and what the rules may import. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');

/** Packages that the SDK itself brings into every bundle. */
const OF_THE_SDK = [
  '@temporalio/workflow',
  '@temporalio/common',
  '@temporalio/worker',
  '@temporalio/proto',
  'nexus-rpc',
  'long',
  'ms',
  'protobufjs',
];

test('nothing foreign gets into the workflow bundle', async () => {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(ROOT, 'workflows/index.ts'),
    logger: new DefaultLogger('ERROR'),
  });
  const modules = [...code.matchAll(/^\/\*\*\*\/ "(\.\/[^"]+)"/gm)].map((match) => match[1] ?? '');
  expect(modules.length).toBeGreaterThan(20);
  const foreign = modules.filter((path) => {
    const packaged = path.startsWith('./node_modules/') ? path.slice('./node_modules/'.length) : null;
    if (packaged !== null) return !OF_THE_SDK.some((name) => packaged.startsWith(`${name}/`));
    return !(path.startsWith('./workflows/') || path.startsWith('./src/attendance/'));
  });
  expect(foreign).toEqual([]);
});

interface Import {
  file: string;
  from: string;
  typeOnly: boolean;
}

async function importsIn(folder: string): Promise<Import[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts') && !/(^|[/-])test[.-]|\.test\.ts$/.test(name));
  const found = await Promise.all(
    files.map(async (name) => {
      const file = join(folder, name);
      const code = await readFile(join(ROOT, file), 'utf8');
      return [...code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)].map(
        (match) => ({
          file,
          typeOnly: match[1] !== undefined,
          from: match[2]?.startsWith('.')
            ? relative(ROOT, resolve(ROOT, dirname(file), match[2]))
            : (match[2] ?? ''),
        }),
      );
    }),
  );
  return found.flat();
}

const outside = async (folder: string, allowed: (one: Import) => boolean): Promise<string[]> =>
  (await importsIn(folder)).filter((one) => !allowed(one)).map(({ file, from }) => `${file} imports ${from}`);

describe('import rules', () => {
  test('workflows import the workflow SDK, themselves, the attendance rules and types of activities', async () => {
    const imports = await importsIn('workflows');
    expect(imports.length).toBeGreaterThan(20);
    const found = await outside(
      'workflows',
      ({ from, typeOnly }) =>
        ['@temporalio/workflow', '@temporalio/common'].includes(from) ||
        from.startsWith('workflows/') ||
        from.startsWith('src/attendance/') ||
        (typeOnly && from === 'activities/index.ts'),
    );
    expect(found).toEqual([]);
  });

  test('the attendance rules import nothing outside themselves', async () => {
    expect((await importsIn('src/attendance')).length).toBeGreaterThan(20);
    expect(await outside('src/attendance', ({ from }) => from.startsWith('src/attendance/'))).toEqual([]);
  });

  test('activities reach the world through src and their dependencies, never through workflows', async () => {
    const found = await outside('activities', ({ from }) => !from.startsWith('workflows/'));
    expect(found).toEqual([]);
  });
});
