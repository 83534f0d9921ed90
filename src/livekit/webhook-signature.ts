/** Did LiveKit send this? The token names the key, is signed with its secret and carries the hash of the body. */
import { timingSafeEqual } from 'node:crypto';
import { createDecoder, createVerifier } from 'fast-jwt';
import type { LiveKitKey } from './keys.ts';

export type Signature = { ok: true; key: LiveKitKey } | { ok: false; reason: string };

/**
 * Synchronous: handing each token to another thread and back, as Web Crypto does, costs eight times what the check costs.
 * @param authorization the header as it came, without "Bearer"
 * @param bodyHash SHA-256 of the bytes as they came: a body that was parsed and written again has another. Null while they
 * are still coming: then only whether LiveKit signed anything at all.
 */
export type CheckSignature = (authorization: string | undefined, bodyHash: Buffer | null) => Signature;

/** What is refused here counts as delivered and is lost, so a clock that is a little off must not refuse it. */
const CLOCK_TOLERANCE_MS = 60_000;

const refused = (reason: string): Signature => ({ ok: false, reason });

type Verify = (token: string) => { sha256?: unknown };

/** Every one of `keys` may sign, so that a key can be exchanged without losing a delivery. */
export function signatureCheck(keys: readonly LiveKitKey[]): CheckSignature {
  const known = new Map<unknown, { key: LiveKitKey; verify: Verify }>();
  for (const key of keys) {
    const verify: Verify = createVerifier({
      key: key.secret,
      algorithms: ['HS256'],
      allowedIss: key.apiKey,
      clockTolerance: CLOCK_TOLERANCE_MS,
      requiredClaims: ['iss', 'exp', 'sha256'],
    });
    known.set(key.apiKey, { key, verify });
  }

  const [only] = known.size === 1 ? known.values() : [];

  return (authorization, bodyHash) => {
    if (authorization === undefined || authorization === '')
      return refused('there is no Authorization header');
    try {
      // Where there is one key only, checking says by itself whether the token is from it.
      const signer = only ?? known.get(issuerOf(authorization));
      if (signer === undefined) return refused('the token is not from a key that is known here');
      const { sha256 } = signer.verify(authorization);
      return bodyHash === null || isHash(sha256, bodyHash)
        ? { ok: true, key: signer.key }
        : refused('the body is not the one that was signed');
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error));
    }
  };
}

const decode: (token: string) => { iss?: unknown } = createDecoder();
const issuerOf = (token: string): unknown => decode(token).iss;

/** LiveKit writes the hash in Base64. */
function isHash(claimed: unknown, hash: Buffer): boolean {
  if (typeof claimed !== 'string') return false;
  const given = Buffer.from(claimed, 'base64');
  return given.length === hash.length && timingSafeEqual(given, hash);
}
