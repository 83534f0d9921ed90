/** What cannot be reached: the database, and the issuer's keys. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../db/client.ts';
import { createTestDatabase } from '../db/test-database.ts';
import { createApp } from './app.ts';
import type { HttpConfig } from './route.ts';
import { lesson, SECRET, token } from './test-app.ts';

const TIMES = {
  ROLLCALL_OPEN_LEAD_SECONDS: 60,
  ROLLCALL_POLL_SECONDS: 180,
  ROLLCALL_VERIFY_SECONDS: 120,
  ROLLCALL_GRACE_SECONDS: 300,
  ROLLCALL_WEBHOOKS_TO_PRIVATE_NETWORKS: false,
};

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function serve(db: ReturnType<typeof openDatabase>, config: HttpConfig): Promise<string> {
  const workflows = {
    start: async () => 'started' as const,
    ring: async () => true,
    fetchNow: async () => ({ ok: true, present: 0, participants: 0, conferences: 0 }),
    startDelivery: async () => 'started' as const,
    isReachable: async () => true,
    close: async () => {},
  };
  const log = pino({ level: 'silent' });
  return listening(
    createServer(createApp({ db, workflows, config, livekit: null, now: Date.now, log }).listener),
  );
}

describe('without the database', () => {
  test('a request is asked to come again, and readiness says why', async () => {
    const db = openDatabase('postgres://nobody@127.0.0.1:1/nothing', 'rollcall-test');
    stops.push(() => db.close());
    const url = await serve(db, { AUTH_JWT_SECRET: SECRET, ...TIMES });
    const answer = await fetch(`${url}/api/schedule/class`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' },
      body: JSON.stringify(lesson()),
    });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({
      type: 'https://rollcall.dev/problems/try-again',
      status: 503,
    });
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: 'not_ready', database: 'down', temporal: 'up' },
    ]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});

describe('with the keys of an issuer', () => {
  async function issuer() {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256' };
    const keys = await listening(
      createServer((_req, res) =>
        res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] })),
      ),
    );
    const { db, drop } = await createTestDatabase();
    stops.push(drop);
    const config = {
      AUTH_JWKS_URL: `${keys}/jwks`,
      AUTH_ISSUER: 'https://id.example',
      AUTH_AUDIENCE: 'rollcall',
    };
    const url = await serve(db, { ...config, ...TIMES });
    const sign = (claims: Record<string, unknown> = {}) =>
      new SignJWT({
        sub: 'a',
        tenant: 'school',
        role: 'admin',
        iss: 'https://id.example',
        aud: 'rollcall',
        ...claims,
      })
        .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
        .setExpirationTime('5m')
        .sign(privateKey);
    const status = async (bearer: string): Promise<number> =>
      (await fetch(`${url}/api/tenant`, { headers: { authorization: `Bearer ${bearer}` } })).status;
    return { jwk, sign, status };
  }

  test('a token of that issuer for this audience is taken, and no other', async () => {
    const { jwk, sign, status } = await issuer();
    expect(await status(await sign())).toBe(200);
    expect(await status(await sign({ iss: 'https://else.example' }))).toBe(401);
    expect(await status(await sign({ aud: 'another' }))).toBe(401);
    // The old trick: the public key, which everybody has, as the secret of an HMAC.
    const forged = await new SignJWT({
      sub: 'a',
      tenant: 'school',
      role: 'admin',
      iss: 'https://id.example',
      aud: 'rollcall',
    })
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode(JSON.stringify(jwk)));
    expect(await status(forged)).toBe(401);
  });

  test('that cannot be reached a request is asked to come again', async () => {
    const { db, drop } = await createTestDatabase();
    stops.push(drop);
    const url = await serve(db, { AUTH_JWKS_URL: 'http://127.0.0.1:1/jwks', ...TIMES });
    const { privateKey } = await generateKeyPair('RS256');
    const bearer = await new SignJWT({ sub: 'a', tenant: 'school', role: 'admin' })
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .setExpirationTime('5m')
      .sign(privateKey);
    const answer = await fetch(`${url}/api/tenant`, { headers: { authorization: `Bearer ${bearer}` } });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
  });
});
