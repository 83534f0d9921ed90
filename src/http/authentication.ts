import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { TENANT_NAME } from '../tenant-name.ts';
import { Problem, tryAgain } from './problem.ts';

export const ROLES = ['admin', 'operator', 'teacher', 'student', 'guardian', 'service'] as const;
export type Role = (typeof ROLES)[number];

/** Who may see everything of a tenant (product §8, "staff"). */
export const STAFF: readonly Role[] = ['admin', 'operator'];

/** Who may be on a roster: whoever directs a school may teach, too. The roster decides. */
export const IN_CLASS: readonly Role[] = [...STAFF, 'teacher', 'student'];

export interface Caller {
  tenantId: string;
  /** Person id or e-mail, lower case. */
  sub: string;
  role: Role;
  /** When the token expires. */
  expiresMs: number;
}

export type AuthConfig = Pick<Config, 'AUTH_JWT_SECRET' | 'AUTH_JWKS_URL' | 'AUTH_ISSUER' | 'AUTH_AUDIENCE'>;

/** Only what an issuer publishes keys for; a shared secret is never looked for in a JWKS. */
const PUBLIC_KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];
/** Clocks of issuer and server differ by no more. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** A person id or an e-mail address: printable and short, since it becomes part of keys. */
export const SUBJECT = /^[\x21-\x7e]{1,254}$/;

const claims = z.object({
  sub: z.string().regex(SUBJECT, 'must be a person id or an e-mail address').toLowerCase(),
  tenant: z.string().regex(TENANT_NAME, 'must be 1 to 63 of a-z, 0-9, - and _'),
  role: z.enum(ROLES),
});

/** Makes the check of the `Authorization` header: answers the caller, or throws the 401 that says what is wrong. */
export function authenticator(config: AuthConfig): (header: string | undefined) => Promise<Caller> {
  const verify = verifier(config);
  return async (header) => {
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header ?? '')?.[1];
    if (token === undefined) throw refused('send "Authorization: Bearer <token>"', header === undefined);
    const payload = await verify(token);
    const parsed = claims.safeParse(payload);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw refused(`claim ${issue?.path.join('.')}: ${issue?.message}`);
    }
    const { tenant: tenantId, sub, role } = parsed.data;
    return { tenantId, sub, role, expiresMs: (payload.exp ?? 0) * 1_000 };
  };
}

function verifier(config: AuthConfig): (token: string) => Promise<JWTPayload> {
  const key = keyOf(config);
  const options = {
    algorithms: config.AUTH_JWT_SECRET === undefined ? PUBLIC_KEY_ALGORITHMS : ['HS256'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    requiredClaims: ['exp', 'sub', 'tenant', 'role'],
    ...(config.AUTH_ISSUER === undefined ? {} : { issuer: config.AUTH_ISSUER }),
    ...(config.AUTH_AUDIENCE === undefined ? {} : { audience: config.AUTH_AUDIENCE }),
  };
  return async (token) => {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (error instanceof errors.JOSEError && !KEYS_UNREACHABLE.has(error.code))
        throw refused(error.message);
      throw tryAgain('the keys of the token issuer cannot be read', 5, error);
    }
  };
}

const KEYS_UNREACHABLE = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

function keyOf({ AUTH_JWT_SECRET, AUTH_JWKS_URL }: AuthConfig): JWTVerifyGetKey {
  if (AUTH_JWT_SECRET !== undefined) {
    const secret = new TextEncoder().encode(AUTH_JWT_SECRET);
    return () => secret;
  }
  if (AUTH_JWKS_URL === undefined) throw new Error('neither AUTH_JWT_SECRET nor AUTH_JWKS_URL is set');
  return createRemoteJWKSet(new URL(AUTH_JWKS_URL), { timeoutDuration: 2_000 });
}

/** RFC 6750: without credentials the challenge carries no error. */
function refused(detail: string, noCredentials = false): Problem {
  const said = detail.replaceAll(/[^\x20-\x7e]|["\\]/g, "'").slice(0, 200);
  const error = noCredentials ? '' : `, error="invalid_token", error_description="${said}"`;
  return new Problem('not-authenticated', detail, {
    headers: { 'WWW-Authenticate': `Bearer realm="rollcall"${error}` },
  });
}
