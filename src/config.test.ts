import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONFIGURED, readConfig, readWorkerConfig } from './config.ts';
import { temporaryDirectory } from './local/local-test.ts';
import { generateAccountKey } from './simulators/meet/account-key.ts';

const LEAST = {
  DATABASE_URL: 'postgresql://owner:secret@127.0.0.1:5432/rollcall',
  TEMPORAL_ADDRESS: '127.0.0.1:7233',
  AUTH_JWT_SECRET: 'x'.repeat(32),
};

describe('the environment', () => {
  test('needs a database, a Temporal and a way to check tokens, and has a default for the rest', () => {
    expect(readConfig(LEAST)).toMatchObject({
      PORT: 3000,
      HOST: '127.0.0.1',
      TEMPORAL_NAMESPACE: 'default',
      ROLLCALL_OPEN_LEAD_SECONDS: 60,
      ROLLCALL_POLL_SECONDS: 180,
      ROLLCALL_VERIFY_SECONDS: 120,
      ROLLCALL_GRACE_SECONDS: 300,
      ROLLCALL_RETRY_SECONDS: 600,
      ROLLCALL_RETRY_FOR_SECONDS: 604_800,
    });
  });

  test('is refused whole: one message names everything that is wrong', () => {
    const bad = {
      PORT: 'eighty',
      TEMPORAL_ADDRESS: 'nowhere',
      AUTH_JWT_SECRET: 'short',
      ROLLCALL_POLL_SECONDS: '-1',
      DATABASE_SERVICE_URL: 'https://school.example',
      AUTH_JWKS_URL: 'https://school.example/keys',
      TEMPORAL_TLS_CERT: '/nowhere/client.pem',
      TEMPORAL_TLS_CA: '/nowhere/ca.pem',
      GOOGLE_SERVICE_ACCOUNT_KEY: '/nowhere/google.json',
    };
    for (const name of ['DATABASE_URL', ...Object.keys(bad)]) {
      // Two that exclude each other are named in one line.
      const line =
        name === 'AUTH_JWKS_URL' ? /exactly one of .* AUTH_JWKS_URL/ : new RegExp(`^  ${name}: `, 'm');
      expect(() => readWorkerConfig(bad)).toThrow(line);
    }
  });

  test.each([
    ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'],
    ['TEMPORAL_TLS_KEY', 'TEMPORAL_TLS_CERT'],
  ])('wants with %s also %s', async (one, other) => {
    const file = join(temporaryDirectory(), 'a.pem');
    await writeFile(file, '');
    const alone = new RegExp(`^  ${one}: expected TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY together$`, 'm');
    expect(() => readConfig({ ...LEAST, [one]: file })).toThrow(alone);
    expect(readConfig({ ...LEAST, [one]: file, [other]: file })).toMatchObject({ [one]: file });
  });

  test.each(['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY', 'TEMPORAL_TLS_CA'])(
    'names the file of %s that cannot be read',
    (name) => {
      const line = new RegExp(`^  ${name}: .*/nowhere/file.pem cannot be read \\(ENOENT\\)$`, 'm');
      expect(() => readConfig({ ...LEAST, [name]: '/nowhere/file.pem' })).toThrow(line);
    },
  );

  test.each([
    ['neither', { AUTH_JWT_SECRET: '' }],
    ['both', { AUTH_JWKS_URL: 'https://school.example/keys' }],
  ])('wants exactly one way to check tokens, not %s', (_which, env) => {
    expect(() => readConfig({ ...LEAST, ...env })).toThrow(
      /exactly one of AUTH_JWT_SECRET .* and AUTH_JWKS_URL/,
    );
  });

  test('takes an empty variable for one that is absent', () => {
    expect(readConfig({ ...LEAST, PORT: '', AUTH_JWKS_URL: '' }).PORT).toBe(3000);
  });

  test('never repeats a secret in its message', () => {
    const secret = 'my-very-secret-password';
    expect(() => readConfig({ ...LEAST, AUTH_JWT_SECRET: secret })).toThrow();
    expect(() => readConfig({ ...LEAST, AUTH_JWT_SECRET: secret })).not.toThrow(secret);
  });

  test.each([
    ['nothing', '', /expected the JSON key of a service account, or the path of that file/],
    ['a path that leads nowhere', '/nowhere/google.json', /cannot read the file \/nowhere\/google.json/],
    ['JSON of something else', '{"type":"authorized_user"}', /expected "service_account"/],
  ])('of a worker has a service account, not %s; the server does without', (_which, key, message) => {
    const env = { ...LEAST, GOOGLE_SERVICE_ACCOUNT_KEY: key };
    expect(() => readWorkerConfig(env)).toThrow(/^ {2}GOOGLE_SERVICE_ACCOUNT_KEY: /m);
    expect(() => readWorkerConfig(env)).toThrow(message);
    expect(readConfig(env).DATABASE_URL).toBe(LEAST.DATABASE_URL);
  });

  test('of a worker is content with the key as JSON and as a file', async () => {
    const key = JSON.stringify(await generateAccountKey());
    const file = join(temporaryDirectory(), 'google.json');
    await writeFile(file, key);
    for (const given of [key, file]) {
      const config = readWorkerConfig({ ...LEAST, GOOGLE_SERVICE_ACCOUNT_KEY: given });
      expect(config.GOOGLE_SERVICE_ACCOUNT_KEY).toBe(given);
    }
  });

  test('does not repeat a key that was taken for a path', async () => {
    const encoded = Buffer.from(JSON.stringify(await generateAccountKey())).toString('base64');
    const read = () => readWorkerConfig({ ...LEAST, GOOGLE_SERVICE_ACCOUNT_KEY: encoded });
    expect(read).toThrow(/GOOGLE_SERVICE_ACCOUNT_KEY: .*neither JSON nor the path/);
    expect(read).not.toThrow(encoded);
  });

  const LIVEKIT = {
    LIVEKIT_URL: 'wss://livekit.example',
    LIVEKIT_API_KEY: 'key',
    LIVEKIT_API_SECRET: 'top-secret',
  };

  test.each([
    ['off', {}],
    ['whole', LIVEKIT],
    ['whole with further keys', { ...LIVEKIT, LIVEKIT_KEYS: 'next:other-secret,own:its-secret:school' }],
    [
      'whole with the keys in a list alone',
      { LIVEKIT_URL: 'http://127.0.0.1:7880', LIVEKIT_KEYS: 'key:secret' },
    ],
  ])('has LiveKit %s, for server and worker', async (_which, livekit) => {
    const key = JSON.stringify(await generateAccountKey());
    expect(readConfig({ ...LEAST, ...livekit })).toMatchObject(livekit);
    expect(readWorkerConfig({ ...LEAST, ...livekit, GOOGLE_SERVICE_ACCOUNT_KEY: key })).toMatchObject(
      livekit,
    );
  });

  test.each([
    ['an address of another kind', { ...LIVEKIT, LIVEKIT_URL: 'ftp://livekit.example' }, 'LIVEKIT_URL'],
    ['no address', { ...LIVEKIT, LIVEKIT_URL: '' }, 'LIVEKIT_URL: expected the address'],
    [
      'keys in a list and no address',
      { LIVEKIT_KEYS: 'key:top-secret' },
      'LIVEKIT_URL: expected the address',
    ],
    ['no secret', { ...LIVEKIT, LIVEKIT_API_SECRET: '' }, 'LIVEKIT_API_KEY: expected LIVEKIT_API_KEY and'],
    ['no key', { ...LIVEKIT, LIVEKIT_API_KEY: '' }, 'LIVEKIT_API_KEY: expected LIVEKIT_API_KEY and'],
    [
      'an address alone',
      { LIVEKIT_URL: LIVEKIT.LIVEKIT_URL },
      'LIVEKIT_API_KEY: expected a key and its secret',
    ],
    [
      'a list of another form',
      { ...LIVEKIT, LIVEKIT_KEYS: 'key=top-secret' },
      'LIVEKIT_KEYS: entry 1: expected',
    ],
    [
      'keys of two tenants and none for all',
      { LIVEKIT_URL: LIVEKIT.LIVEKIT_URL, LIVEKIT_KEYS: 'a:top-secret:school,b:top-secret:academy' },
      "LIVEKIT_KEYS: each key is one tenant's own",
    ],
    [
      'a key with two secrets',
      { ...LIVEKIT, LIVEKIT_KEYS: 'key:top-secret-2' },
      'LIVEKIT_KEYS: entry 1: key is',
    ],
  ])('has LiveKit whole or off, not with %s, and no message repeats a secret', (_which, livekit, line) => {
    const read = () => readConfig({ ...LEAST, ...livekit });
    expect(read).toThrow(new RegExp(`^  ${line}`, 'm'));
    expect(read).not.toThrow('top-secret');
  });

  test('is listed in .env.example, every variable of it', async () => {
    const example = await readFile(new URL('../.env.example', import.meta.url), 'utf8');
    const listed = new Set([...example.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map((match) => match[1]));
    expect(CONFIGURED.filter((name) => !listed.has(name))).toEqual([]);
  });
});
