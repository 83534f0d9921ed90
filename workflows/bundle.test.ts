/** The three rooms stay clean (docs/decisions): what may get into a workflow, and what the rules may import. */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import ts from 'typescript';
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

interface Source {
  file: string;
  code: string;
}

/** What is no test, and of `workflows/` no recorder of histories either, which is a program of its own. */
const LEFT_OUT = /(^|[/-])test[.-]|\.test\.ts$|^workflows\/histories\//;

async function sourcesIn(folder: string): Promise<Source[]> {
  const names = await readdir(join(ROOT, folder), { recursive: true });
  const files = names
    .map((name) => join(folder, name))
    .filter((file) => file.endsWith('.ts') && !LEFT_OUT.test(file));
  return await Promise.all(
    files.map(async (file) => ({ file, code: await readFile(join(ROOT, file), 'utf8') })),
  );
}

async function importsIn(folder: string): Promise<Import[]> {
  const sources = await sourcesIn(folder);
  return sources.flatMap(({ file, code }) =>
    [...code.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)].map((match) => ({
      file,
      typeOnly: match[1] !== undefined,
      from: match[2]?.startsWith('.')
        ? relative(ROOT, resolve(ROOT, dirname(file), match[2]))
        : (match[2] ?? ''),
    })),
  );
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

/** Loads code that no import statement names. */
const LOADING = ['import(', 'require', 'process', 'globalThis'];
/** Not the same each time. In a workflow the SDK makes these the same at every replay; the rules have no SDK. */
const CHANCE = ['Date.now', 'new Date()', 'Date()', 'Math.random', 'performance', 'crypto'];

/** The ways out of a room in `code` that need no import statement, each with its line. */
function waysOut(code: string): { name: string; line: number }[] {
  const file = ts.createSourceFile('code.ts', code, ts.ScriptTarget.Latest, true);
  const found: { name: string; line: number }[] = [];
  const look = (node: ts.Node): void => {
    const name = nameOfWayOut(node);
    if (name !== null)
      found.push({ name, line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
    ts.forEachChild(node, look);
  };
  look(file);
  return found;
}

function nameOfWayOut(node: ts.Node): string | null {
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return 'import(';
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length)
    return 'new Date()';
  if (ts.isCallExpression(node) && node.expression.getText() === 'Date') return 'Date()';
  if (ts.isPropertyAccessExpression(node)) {
    const path = node.getText().replaceAll(/\s|\?/g, '');
    return ['Date.now', 'Math.random'].includes(path) ? path : null;
  }
  return ts.isIdentifier(node) && GLOBALS.has(node.text) && !isMember(node) ? node.text : null;
}

const GLOBALS = new Set(['require', 'process', 'globalThis', 'performance', 'crypto']);

/** `a.process` and `{ process: 1 }` are somebody's own. */
const isMember = (node: ts.Identifier): boolean =>
  (ts.isPropertyAccessExpression(node.parent) ||
    ts.isPropertyAssignment(node.parent) ||
    ts.isPropertySignature(node.parent)) &&
  node.parent.name === node;

async function found(folder: string, forbidden: readonly string[]): Promise<string[]> {
  const sources = await sourcesIn(folder);
  expect(sources.length).toBeGreaterThan(10);
  return sources.flatMap(({ file, code }) =>
    waysOut(code)
      .filter(({ name }) => forbidden.includes(name))
      .map(({ name, line }) => `${file}:${line} uses ${name}`),
  );
}

describe('no room is left without an import statement', () => {
  test('the rules load nothing, and take time and chance from their parameters only', async () => {
    expect(await found('src/attendance', [...LOADING, ...CHANCE])).toEqual([]);
  });

  test('workflows load nothing', async () => {
    expect(await found('workflows', LOADING)).toEqual([]);
  });

  test.each([
    ["const a = await import('node:fs');", 'import('],
    ["const a = require('node:fs');", 'require'],
    ['const a = process.env.HOME;', 'process'],
    ['const { env } = process;', 'process'],
    ['const a = globalThis.process;', 'globalThis'],
    ['const a = Date.now();', 'Date.now'],
    ['const clock = Date.now;', 'Date.now'],
    ['const a = new Date();', 'new Date()'],
    ['const a = new Date;', 'new Date()'],
    ['const a = Date();', 'Date()'],
    ['const a = Math.random();', 'Math.random'],
    ['const a = performance.now();', 'performance'],
    ['const a = crypto.randomUUID();', 'crypto'],
  ])('seen: %s', (code, name) => {
    expect(waysOut(code)).toEqual([{ name, line: 1 }]);
  });

  test.each([
    "// Math.random() and process.env would be ways out.\nconst a = 'Date.now()';",
    'const a = new Date(0).getTime();',
    'const a = task.process(1);',
    "let a: import('./policy.ts').Policy;",
  ])('not a way out: %s', (code) => {
    expect(waysOut(code)).toEqual([]);
  });
});
