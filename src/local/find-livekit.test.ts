import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findLivekit } from './find-livekit.ts';
import { recordProgress, temporaryDirectory } from './local-test.ts';

const ANSWERS = 'echo "livekit-server version 1.2.3"';

function program(directory: string, name: string, script: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

function place() {
  const root = temporaryDirectory();
  const [bin, cache] = [join(root, 'bin'), join(root, 'cache')];
  mkdirSync(bin);
  // The last two have the tools that the fake programs themselves need.
  const env = { PATH: `${bin}:/usr/bin:/bin`, ROLLCALL_CACHE_DIR: cache };
  return { bin, env, folder: join(cache, 'livekit-server-1.13.5') };
}

test('a `livekit-server` on PATH comes before the cache, if it is one', async () => {
  const { bin, env, folder } = place();
  const cached = program(folder, 'server', ANSWERS);
  const own = program(bin, 'livekit-server', ANSWERS);
  expect(await findLivekit({ report: () => {}, env })).toBe(own);
  program(bin, 'livekit-server', 'echo "a toy"');
  const { seen, report } = recordProgress();
  expect(await findLivekit({ report, env })).toBe(cached);
  expect(seen).toEqual([{ kind: 'notice', text: expect.stringContaining('as the LiveKit server does') }]);
});

test('it is built with Go, once, for the cache, and not with what the environment says of other modules', async () => {
  const { bin, env, folder } = place();
  const build = `echo "$@ $GOFLAGS$GOWORK" > "$GOBIN/asked"; printf '#!/bin/sh\\n%s\\n' '${ANSWERS}' > "$GOBIN/server"; chmod +x "$GOBIN/server"`;
  program(bin, 'go', build);
  const given = { ...env, GOFLAGS: '-mod=vendor', GOWORK: '/elsewhere/go.work' };
  expect(await findLivekit({ report: () => {}, env: given })).toBe(join(folder, 'server'));
  expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(
    'install -v -ldflags=-s -w github.com/livekit/livekit-server/cmd/server@v1.13.5 off\n',
  );
  program(bin, 'go', 'exit 1');
  expect(await findLivekit({ report: () => {}, env })).toBe(join(folder, 'server'));
});

test('without Go the cure names Go, the LiveKit server and LIVEKIT_URL', async () => {
  const { env, folder } = place();
  const error = await findLivekit({ report: () => {}, env: { ...env, PATH: '' } }).catch(String);
  for (const word of ['no `go` on PATH', 'Install Go', 'livekit-server', 'LIVEKIT_URL'])
    expect(error).toContain(word);
  expect(existsSync(folder)).toBe(false);
});
