/** The workflows in the one piece that a worker runs, kept between starts: making it is most of what a worker's start costs. */
import { hash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bundleWorkflowCode, Runtime } from '@temporalio/worker';
import { cacheDir } from '../local/cache-dir.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** All that gets into a bundle (workflows/bundle.test.ts): these folders, and packages as npm installed them. */
const SOURCES = ['workflows', 'src/attendance', 'node_modules/.package-lock.json'];
const KEPT_FOR_MS = 7 * 24 * 3_600_000;

export function workflowBundle(): Promise<string> {
  return keptBundle({
    root: ROOT,
    sources: SOURCES,
    dir: join(cacheDir(), 'workflow-bundles'),
    make: async () => {
      const workflowsPath = join(ROOT, 'workflows/index.ts');
      return (await bundleWorkflowCode({ workflowsPath, logger: Runtime.instance().logger })).code;
    },
  });
}

/**
 * The bundle that was made of the same sources before, or a new one. Where nothing can be kept, each call makes its own.
 * @param options.sources files and folders below `root`; of a folder all `.ts` files but tests
 */
export async function keptBundle(options: {
  root: string;
  sources: readonly string[];
  dir: string;
  make: () => Promise<string>;
}): Promise<string> {
  const { dir } = options;
  const file = join(dir, `${await hashOf(options)}.js`);
  const kept = await readFile(file, 'utf8').catch(() => null);
  if (kept !== null) return kept;
  const code = await options.make();
  // Whoever looks meanwhile finds a whole one or none.
  const unfinished = join(dir, `${randomUUID()}.tmp`);
  try {
    await mkdir(dir, { recursive: true });
    await removeOld(dir);
    await writeFile(unfinished, code);
    await rename(unfinished, file);
  } catch {
    await rm(unfinished, { force: true }).catch(() => {});
  }
  return code;
}

async function hashOf({ root, sources }: { root: string; sources: readonly string[] }): Promise<string> {
  const files: string[] = [];
  for (const source of sources) {
    const isFolder = (await stat(join(root, source))).isDirectory();
    const names = isFolder ? await readdir(join(root, source), { recursive: true }) : [];
    const code = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    files.push(...(isFolder ? code.map((name) => join(source, name)) : [source]));
  }
  const parts = files.sort().map(async (file) => [file, await readFile(join(root, file), 'utf8')]);
  return hash('sha256', JSON.stringify(await Promise.all(parts)));
}

async function removeOld(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const { mtimeMs } = await stat(join(dir, name));
    if (mtimeMs < Date.now() - KEPT_FOR_MS) await rm(join(dir, name), { force: true });
  }
}
