import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTES } from './routes.ts';
import { startTestApp, type TestApp, token } from './test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.stop());

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const inAnHour = Math.floor(Date.now() / 1_000) + 3_600;
const good = { sub: 'admin@school.example', tenant: 'school', role: 'admin', exp: inAnHour };

describe('a token', () => {
  const refused: [string, () => Promise<string | null> | string | null][] = [
    ['missing', () => null],
    ['that is no token', () => 'nonsense'],
    ['expired', () => token({}, { expires: '-1m' })],
    ['without an end', () => token({}, { expires: '' })],
    ['signed with another secret', () => token({}, { secret: 'another-secret-of-more-than-thirty-two-c' })],
    ['signed with another HMAC', () => token({}, { alg: 'HS512' })],
    ['unsigned', () => `${base64({ alg: 'none', typ: 'JWT' })}.${base64(good)}.`],
    [
      'signed with RS256',
      async () => {
        const { privateKey } = await generateKeyPair('RS256');
        return await new SignJWT(good).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
      },
    ],
    ['not valid yet', () => token({ nbf: inAnHour })],
    ['without sub', () => token({ sub: undefined })],
    ['without tenant', () => token({ tenant: undefined })],
    ['with a tenant that is no name', () => token({ tenant: 'No Name!' })],
    ['with a role that is none', () => token({ role: 'root' })],
    ['with a role that is a list', () => token({ role: ['admin'] })],
  ];

  test.each(refused)('%s is refused with 401', async (_title, make) => {
    const { status, headers, body } = await app.call('GET', '/api/classes', { token: await make() });
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toMatch(/^Bearer realm="rollcall"/);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({ type: 'https://rollcall.dev/problems/not-authenticated', status: 401 });
    expect(await app.count('tenants')).toBe(0);
  });

  test('is asked for on every route, before anything else', async () => {
    for (const { method, path } of ROUTES) {
      const { status } = await app.call(method.toUpperCase(), path.replace(/\{\w+\}/, 'x'), { token: null });
      expect([path, status]).toEqual([path, 401]);
    }
  });
});

describe('a role', () => {
  test('that may not do it is told so with 403, on every route', async () => {
    await app.call('GET', '/api/tenant', { token: await token({ role: 'service' }) });
    for (const role of ['admin', 'operator', 'teacher', 'student', 'guardian', 'service'] as const) {
      const bearer = await token({ role, sub: `${role}@school.example` });
      for (const route of ROUTES.filter((one) => !one.roles.includes(role))) {
        const path = route.path.replace(/\{\w+\}/, '00000000-0000-4000-8000-000000000000');
        const { status } = await app.call(route.method.toUpperCase(), path, { token: bearer });
        expect([role, route.method, path, status]).toEqual([role, route.method, path, 403]);
      }
    }
  });
});

describe('a tenant', () => {
  test.each(['admin', 'service'])('comes to exist with the first token of its %s', async (role) => {
    const bearer = await token({ tenant: `founded-by-${role}`, role });
    expect((await app.call('GET', '/api/tenant', { token: bearer })).body).toMatchObject({
      tenant_id: `founded-by-${role}`,
      session_type: 'academic',
      provider: 'meet',
      policy: 'itqan',
    });
  });

  test.each(['operator', 'teacher'])('does not come to exist with that of a %s', async (role) => {
    const before = await app.count('tenants');
    const bearer = await token({ tenant: 'unknown', role });
    const { status, body } = await app.call('GET', '/api/classes', { token: bearer });
    expect(status).toBe(403);
    expect(body.detail).toContain('no tenant "unknown"');
    expect(await app.count('tenants')).toBe(before);
  });
});
