import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recordProgress, runModule, temporaryDirectory } from './local-test.ts';
import { localSecrets } from './secrets.ts';

test('secrets are made once, with a loud notice, and stay the same', () => {
  const dataDir = temporaryDirectory();
  const { seen, report } = recordProgress();
  const first = localSecrets({ dataDir, report });
  expect(localSecrets({ dataDir, report })).toEqual(first);
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatchObject({ kind: 'notice', text: expect.stringContaining('this machine only') });
});

test('the notice does not tell the secrets', () => {
  const { seen, report } = recordProgress();
  const secrets = localSecrets({ dataDir: temporaryDirectory(), report });
  for (const secret of Object.values(secrets)) expect(JSON.stringify(seen)).not.toContain(secret);
});

test('two directories have different secrets', () => {
  const [one, other] = [1, 2].map(() => localSecrets({ dataDir: temporaryDirectory(), report: () => {} }));
  expect(Object.keys(one ?? {}).sort()).toEqual(['AUTH_JWT_SECRET', 'LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET']);
  for (const secret of Object.values(one ?? {})) expect(Object.values(other ?? {})).not.toContain(secret);
});

test('they are long enough for what they sign, and only their owner can read them', () => {
  const dataDir = temporaryDirectory();
  const secrets = localSecrets({ dataDir, report: () => {} });
  expect(Buffer.from(secrets.AUTH_JWT_SECRET, 'base64url').length).toBeGreaterThanOrEqual(32);
  expect(secrets.LIVEKIT_API_SECRET.length).toBeGreaterThanOrEqual(32);
  expect(secrets.LIVEKIT_API_KEY).toMatch(/^API[0-9a-f]{12}$/);
  expect(statSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600);
  expect(readdirSync(dataDir)).toEqual(['secrets.json']);
});

test('a file of before there was LiveKit is given its keys once, and keeps what it has', () => {
  const dataDir = temporaryDirectory();
  const path = join(dataDir, 'secrets.json');
  const before = { AUTH_JWT_SECRET: 'the one that signed all tokens so far', NOTE: 'by hand' };
  writeFileSync(path, JSON.stringify(before), { mode: 0o600 });
  const { seen, report } = recordProgress();
  const secrets = localSecrets({ dataDir, report });
  expect(secrets).toMatchObject({ ...before, LIVEKIT_API_KEY: expect.stringMatching(/^API/) });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(secrets);
  expect(localSecrets({ dataDir, report })).toEqual(secrets);
  expect(seen).toEqual([
    { kind: 'notice', text: expect.stringContaining('added LIVEKIT_API_KEY and LIVEKIT_API_SECRET') },
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dataDir)).toEqual(['secrets.json']);
});

test('starts that complete or make one file at once have the same secrets', async () => {
  for (const before of [undefined, '{"AUTH_JWT_SECRET": "the one that signed all tokens so far"}']) {
    const dataDir = temporaryDirectory();
    if (before !== undefined) writeFileSync(join(dataDir, 'secrets.json'), before);
    const starts = [1, 2, 3].map(() =>
      runModule(`
        const { localSecrets } = await import(local + 'secrets.ts');
        say(localSecrets({ dataDir: ${JSON.stringify(dataDir)}, report: () => {} }));`).said(),
    );
    const had = await Promise.all(starts);
    const kept = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8'));
    expect(had).toEqual([kept, kept, kept]);
  }
});

test('a key and a secret that somebody set in the file are used', () => {
  const dataDir = temporaryDirectory();
  const own = { AUTH_JWT_SECRET: 'a', LIVEKIT_API_KEY: 'devkey', LIVEKIT_API_SECRET: 'secret' };
  writeFileSync(join(dataDir, 'secrets.json'), JSON.stringify(own));
  expect(localSecrets({ dataDir, report: () => {} })).toEqual(own);
});

test.each(['', '{', '{"ANOTHER": "secret"}'])('a damaged file is named, not replaced: %s', (text) => {
  const dataDir = temporaryDirectory();
  const path = join(dataDir, 'secrets.json');
  writeFileSync(path, text);
  expect(() => localSecrets({ dataDir, report: () => {} })).toThrow(path);
  expect(readFileSync(path, 'utf8')).toBe(text);
});
