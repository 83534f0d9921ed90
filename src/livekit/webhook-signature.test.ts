import { createHash } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import type { LiveKitKey } from './keys.ts';
import { signatureCheck } from './webhook-signature.ts';

const KEY: LiveKitKey = { apiKey: 'devkey', secret: 'd'.repeat(32), tenantId: null };
const NEXT: LiveKitKey = { apiKey: 'nextkey', secret: 'n'.repeat(32), tenantId: 'school' };
const BODY = Buffer.from('{"event": "room_started",  "id": "EV_1"}');
const check = signatureCheck([KEY, NEXT]);

const hashed = (body: Buffer) => createHash('sha256').update(body).digest();
const hashOf = (body: Buffer) => hashed(body).toString('base64');
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

interface Signed {
  key?: LiveKitKey;
  secret?: string;
  alg?: string;
  /** Left out of the token when undefined. */
  claims?: Record<string, unknown>;
}

/** As LiveKit signs: five minutes from now, by the key's name, over the hash of the body. */
async function sign({ key = KEY, secret = key.secret, alg = 'HS256', claims = {} }: Signed = {}) {
  return await new SignJWT(claimsOf(key, claims))
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret));
}
const claimsOf = (key: LiveKitKey, claims: Record<string, unknown>) => ({
  iss: key.apiKey,
  nbf: inSeconds(0),
  exp: inSeconds(300),
  sha256: hashOf(BODY),
  ...claims,
});

describe('a delivery is taken', () => {
  test('when its token is from a known key and carries the hash of its body', async () => {
    expect(check(await sign(), hashed(BODY))).toEqual({ ok: true, key: KEY });
  });

  test('from the second key too, which is told, so that keys can be exchanged', async () => {
    expect(check(await sign({ key: NEXT }), hashed(BODY))).toEqual({ ok: true, key: NEXT });
  });

  test.each([
    ['expired', { exp: inSeconds(-30) }],
    ['not valid yet', { nbf: inSeconds(30) }],
  ])('when the token is %s by half a minute, as clocks differ', async (_which, claims) => {
    expect(check(await sign({ claims }), hashed(BODY))).toMatchObject({ ok: true });
  });
});

describe('a delivery is refused', () => {
  test.each([
    ['without a header', async () => undefined, 'no Authorization'],
    ['with an empty header', async () => '', 'no Authorization'],
    ['with "Bearer" before the token', async () => `Bearer ${await sign()}`, 'not a valid'],
    ['with words for a token', async () => 'let me in', 'malformed'],
    ['unsigned', async () => new UnsecuredJWT(claimsOf(KEY, {})).encode(), 'signature is missing'],
    ['signed with HS512, even with the right secret', () => sign({ alg: 'HS512' }), 'alg'],
    ["signed with another key's secret", () => sign({ secret: NEXT.secret }), 'signature'],
    ['from a key that is not known', () => sign({ claims: { iss: 'stranger' } }), 'known here'],
    ['from nobody', () => sign({ claims: { iss: undefined } }), 'known here'],
    ['expired for longer than clocks differ', () => sign({ claims: { exp: inSeconds(-90) } }), 'exp'],
    [
      'valid only when clocks no longer differ',
      () => sign({ claims: { nbf: inSeconds(90) } }),
      'will be active',
    ],
    ['without an end', () => sign({ claims: { exp: undefined } }), 'exp'],
    ['without the hash of a body', () => sign({ claims: { sha256: undefined } }), 'sha256'],
    ['with a hash that is no text', () => sign({ claims: { sha256: 7 } }), 'not the one that was signed'],
    [
      'with the hash in hexadecimal',
      () => sign({ claims: { sha256: createHash('sha256').update(BODY).digest('hex') } }),
      'not the one that was signed',
    ],
    ['with half a signature', async () => (await sign()).slice(0, -10), 'signature'],
    ['with half a token', async () => (await sign()).slice(0, 60), 'malformed'],
  ])('%s', async (_which, header, reason) => {
    expect(check(await header(), hashed(BODY))).toEqual({
      ok: false,
      reason: expect.stringMatching(new RegExp(reason)),
    });
  });

  test.each([
    ['another body', Buffer.from('{"event":"room_finished"}')],
    ['the same body, parsed and written again', Buffer.from(JSON.stringify(JSON.parse(BODY.toString())))],
    ['one byte less', BODY.subarray(0, -1)],
    ['no body', Buffer.alloc(0)],
  ])('with %s', async (_which, body) => {
    expect(check(await sign(), hashed(body))).toMatchObject({ ok: false, reason: /not the one/ });
  });

  test('from a key that is not known, where one is', async () => {
    const token = await sign({ key: { ...NEXT, secret: KEY.secret } });
    expect(signatureCheck([KEY])(token, hashed(BODY))).toMatchObject({ ok: false, reason: /iss claim/ });
  });

  test('when no key is known', async () => {
    expect(signatureCheck([])(await sign(), hashed(BODY))).toMatchObject({ ok: false });
  });

  test('in words that repeat neither token nor secret', async () => {
    const token = await sign({ secret: NEXT.secret });
    const told = JSON.stringify(check(token, hashed(BODY)));
    for (const secret of [token.slice(0, 20), KEY.secret, NEXT.secret]) expect(told).not.toContain(secret);
  });
});
