import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { CONFIGURED, readConfig } from './config.ts';

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
    };
    for (const name of ['DATABASE_URL', ...Object.keys(bad)]) {
      expect(() => readConfig(bad)).toThrow(new RegExp(`^  ${name}: `, 'm'));
    }
  });

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

  test('is listed in .env.example, every variable of it', async () => {
    const example = await readFile(new URL('../.env.example', import.meta.url), 'utf8');
    const listed = new Set([...example.matchAll(/^(?:# )?([A-Z_]+)=/gm)].map((match) => match[1]));
    expect(CONFIGURED.filter((name) => !listed.has(name))).toEqual([]);
  });
});
