import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ProgramSource } from './find-program.ts';
import { findTemporal } from './find-temporal.ts';
import { eventually, kill, recordProgress, runModule, temporaryDirectory } from './local-test.ts';
import { sdkDownload } from './sdk-download.ts';
import { findTestServer } from './test-server.ts';

const ANSWERS = 'echo "temporal version 1.2.3 (Server 1.2.3)"';
// The tools that the fake programs themselves need.
const TOOLS = '/usr/bin:/bin';

function program(directory: string, name: string, script: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

function place() {
  const root = temporaryDirectory();
  const cache = join(root, 'cache');
  const bin = join(root, 'bin');
  mkdirSync(bin);
  return {
    bin,
    cache,
    env: { PATH: bin, ROLLCALL_CACHE_DIR: cache },
    cached: join(cache, 'temporal-cli-1.5.1', 'temporal'),
  };
}

/** Stands for a download or a build, and counts how often it was asked for. */
function source(name: string, script: string | undefined) {
  const asked: string[] = [];
  const value: ProgramSource = {
    name,
    cure: `Install ${name}.`,
    async obtain(directory) {
      asked.push(directory);
      if (script === undefined) throw new Error(`${name} is out of reach`);
      program(directory, 'temporal', script);
    },
  };
  return { ...value, asked };
}

test('a `temporal` on PATH comes before the cache', async () => {
  const { bin, env, cache } = place();
  program(join(cache, 'temporal-cli-1.5.1'), 'temporal', ANSWERS);
  const own = program(bin, 'temporal', ANSWERS);
  expect(await findTemporal({ report: () => {}, env })).toBe(own);
});

test('a `temporal` on PATH that is something else is passed over, with a notice', async () => {
  const { bin, env, cached } = place();
  program(bin, 'temporal', 'echo "a calendar"');
  const { seen, report } = recordProgress();
  const download = source('download', ANSWERS);
  expect(await findTemporal({ report, env, sources: [download] })).toBe(cached);
  expect(seen[0]).toMatchObject({ kind: 'notice' });
});

test('what is in the cache is used without a word, and no source is asked', async () => {
  const { env, cache, cached } = place();
  program(join(cache, 'temporal-cli-1.5.1'), 'temporal', ANSWERS);
  const { seen, report } = recordProgress();
  const download = source('download', ANSWERS);
  expect(await findTemporal({ report, env, sources: [download] })).toBe(cached);
  expect({ seen, asked: download.asked }).toEqual({ seen: [], asked: [] });
});

test('the first source that works is the last that is asked', async () => {
  const { env, cached } = place();
  const sources = [source('download', undefined), source('build', ANSWERS), source('other', ANSWERS)];
  expect(await findTemporal({ report: () => {}, env, sources })).toBe(cached);
  expect(sources.map(({ asked }) => asked.length)).toEqual([1, 1, 0]);
});

test('a source whose program does not answer is a source that does not work', async () => {
  const { env } = place();
  const sources = [source('download', 'exit 1'), source('build', ANSWERS)];
  await findTemporal({ report: () => {}, env, sources });
  expect(sources.map(({ asked }) => asked.length)).toEqual([1, 1]);
});

test.each([
  ['does not run', 'exit 127'],
  ['is cut off', ''],
])('a cached program that %s is obtained again', async (_, script) => {
  const { env, cache, cached } = place();
  program(join(cache, 'temporal-cli-1.5.1'), 'temporal', script);
  const build = source('build', ANSWERS);
  await findTemporal({ report: () => {}, env, sources: [build] });
  expect(build.asked).toHaveLength(1);
  expect(readFileSync(cached, 'utf8')).toContain(ANSWERS);
});

test('two that look for it at once obtain it once', async () => {
  const { env } = place();
  const build = source('build', ANSWERS);
  const slow: ProgramSource = {
    ...build,
    async obtain(...all) {
      await eventually('the other one waits', () => waiting.length > 0);
      await build.obtain(...all);
    },
  };
  const waiting: string[] = [];
  const report = (progress: { kind: string }) => void (progress.kind === 'notice' && waiting.push('notice'));
  const found = await Promise.all([1, 2].map(() => findTemporal({ report, env, sources: [slow] })));
  expect(new Set(found).size).toBe(1);
  expect(build.asked).toHaveLength(1);
});

test('when nothing works, the error has every attempt, its reason and its cure, and leaves the cache empty', async () => {
  const { env, cache } = place();
  const sources = [source('download', undefined), source('build', 'exit 1')];
  const error = await findTemporal({ report: () => {}, env, sources }).catch((reason: Error) => reason);
  expect(String(error)).toMatch(/download: download is out of reach\n {2}Cure: Install download\./);
  expect(String(error)).toMatch(/build: .*ended with status 1\n {2}Cure: Install build\./);
  expect(readdirSync(cache)).toEqual(['temporal-cli-1.5.1.lock']);
});

test('without network and Go the cure names Go, the Temporal CLI and TEMPORAL_ADDRESS', async () => {
  const { env } = place();
  const offline = { ...env, HTTPS_PROXY: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:1' };
  const began = performance.now();
  const error = await findTemporal({ report: () => {}, env: offline }).catch((reason: Error) => reason);
  expect(performance.now() - began).toBeLessThan(10_000);
  for (const word of [
    "Temporal's SDK",
    'no `go` on PATH',
    'Install Go',
    'Temporal CLI',
    'TEMPORAL_ADDRESS',
  ]) {
    expect(String(error)).toContain(word);
  }
});

test('without network, Java and Maven the cure for the test server names both', async () => {
  const { env } = place();
  const offline = { ...env, HTTPS_PROXY: 'http://127.0.0.1:1', HTTP_PROXY: 'http://127.0.0.1:1' };
  await expect(findTestServer({ report: () => {}, env: offline })).rejects.toThrow(/Install Java .* Maven/);
});

test('a download that stands still is given up', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const HTTPS_PROXY = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const download = sdkDownload('dev-server', 'temporal', { ...process.env, HTTPS_PROXY }, 1_000);
  await expect(download.obtain(temporaryDirectory(), undefined, () => {})).rejects.toThrow(
    'nothing arrived for 1 s',
  );
});

test('`go install` puts the program into the cache, from the version that builds', async () => {
  const { bin, env, cached } = place();
  program(
    bin,
    'go',
    `echo "$@" > "$GOBIN/asked"; printf '#!/bin/sh\\n${ANSWERS}\\n' > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"`,
  );
  const offline = { ...env, PATH: `${bin}:${TOOLS}`, HTTPS_PROXY: 'http://127.0.0.1:1' };
  expect(await findTemporal({ report: () => {}, env: offline })).toBe(cached);
  expect(readFileSync(join(cached, '..', 'asked'), 'utf8')).toContain(
    'github.com/temporalio/cli/cmd/temporal@v1.5.1',
  );
});

test('SIGKILL in the middle of a build leaves neither a process nor half a program', async () => {
  const { bin, env, cache } = place();
  program(bin, 'go', `echo $$ > "$GOBIN/pid"; sleep 1000`);
  const built = { ...env, PATH: `${bin}:${TOOLS}`, HTTPS_PROXY: 'http://127.0.0.1:1' };
  const { child, said } = runModule(`
    const { findTemporal } = await import(local + 'find-temporal.ts');
    await findTemporal({ report, env: ${JSON.stringify(built)} });`);
  await said();
  const unfinished = join(cache, 'temporal-cli-1.5.1.unfinished');
  await eventually('the build runs', () => existsSync(join(unfinished, 'pid')));
  const pid = Number(readFileSync(join(unfinished, 'pid'), 'utf8'));
  await kill(child, 'SIGKILL');
  await eventually('the build is gone', () => !existsSync(`/proc/${pid}`));
  await eventually('its files are gone', () => !existsSync(unfinished));
});
