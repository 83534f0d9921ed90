import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recordProgress, temporaryDirectory } from './local-test.ts';
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
  expect(one?.AUTH_JWT_SECRET).not.toBe(other?.AUTH_JWT_SECRET);
});

test('they are long enough for what they sign, and only their owner can read them', () => {
  const dataDir = temporaryDirectory();
  const secrets = localSecrets({ dataDir, report: () => {} });
  expect(Buffer.from(secrets.AUTH_JWT_SECRET, 'base64url').length).toBeGreaterThanOrEqual(32);
  expect(statSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600);
  expect(readdirSync(dataDir)).toEqual(['secrets.json']);
});

test.each(['', '{', '{"ANOTHER": "secret"}'])('a damaged file is named, not replaced: %s', (text) => {
  const dataDir = temporaryDirectory();
  const path = join(dataDir, 'secrets.json');
  writeFileSync(path, text);
  expect(() => localSecrets({ dataDir, report: () => {} })).toThrow(path);
  expect(readFileSync(path, 'utf8')).toBe(text);
});
