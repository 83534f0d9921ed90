/** Did LiveKit send this? The token names the key, is signed with its secret and carries the hash of the body. */
import { createHash, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { decodeJwt, jwtVerify } from 'jose';
import type { LiveKitKey } from './keys.ts';

export type Signature = { ok: true; key: LiveKitKey } | { ok: false; reason: string };

/**
 * @param authorization the header as it came, without "Bearer"
 * @param body the bytes as they came: a body that was parsed and written again has another hash
 */
export type CheckSignature = (authorization: string | undefined, body: Buffer) => Promise<Signature>;

/** What is refused here counts as delivered and is lost, so a clock that is a little off must not refuse it. */
const CLOCK_TOLERANCE_SECONDS = 60;

const refused = (reason: string): Signature => ({ ok: false, reason });

/** Every one of `keys` may sign, so that a key can be exchanged without losing a delivery. */
export function signatureCheck(keys: readonly LiveKitKey[]): CheckSignature {
  const known = new Map<string, { key: LiveKitKey; secret: KeyObject }>();
  for (const key of keys) known.set(key.apiKey, { key, secret: createSecretKey(Buffer.from(key.secret)) });

  return async (authorization, body) => {
    if (authorization === undefined || authorization === '')
      return refused('there is no Authorization header');
    const issuer = issuerOf(authorization);
    const signer = issuer === null ? undefined : known.get(issuer);
    if (signer === undefined) return refused('the token is not from a key that is known here');
    let claimed: unknown;
    try {
      const { payload } = await jwtVerify(authorization, signer.secret, {
        algorithms: ['HS256'],
        issuer: signer.key.apiKey,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'sha256'],
      });
      claimed = payload.sha256;
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error));
    }
    return isHashOf(claimed, body)
      ? { ok: true, key: signer.key }
      : refused('the body is not the one that was signed');
  };
}

function issuerOf(token: string): string | null {
  try {
    return decodeJwt(token).iss ?? null;
  } catch {
    return null;
  }
}

/** LiveKit writes the hash in Base64. */
function isHashOf(claimed: unknown, body: Buffer): boolean {
  if (typeof claimed !== 'string') return false;
  const hash = createHash('sha256').update(body).digest();
  const given = Buffer.from(claimed, 'base64');
  return given.length === hash.length && timingSafeEqual(given, hash);
}
