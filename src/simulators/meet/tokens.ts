import { randomBytes } from 'node:crypto';
import { errors, importSPKI, type JWTPayload, jwtVerify } from 'jose';
import type { DelegationSetting } from './control-protocol.ts';
import { meetError, tokenError } from './google-errors.ts';
import type { World } from './world.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const LIFETIME_SECONDS = 3599;

export interface Grant {
  /** The impersonated user, null when the service account acts for itself. */
  subject: string | null;
  scopes: string[];
}

export type TokenOffice = ReturnType<typeof createTokenOffice>;

/**
 * Issues and checks access tokens as oauth2.googleapis.com does for a service account. Tokens live in real time, not in
 * simulated time, because the clients that hold them count by their own clock.
 */
export function createTokenOffice(world: World, account: { clientEmail: string; publicKeyPem: string }) {
  const tokens = new Map<string, Grant & { expiresMs: number }>();
  const publicKey = importSPKI(account.publicKeyPem, 'RS256');
  let delegation: DelegationSetting = { not_impersonable: [] };
  let autoProvision = false;
  let issued = 0;

  async function issue(form: Record<string, unknown>) {
    if (form.grant_type !== GRANT) throw tokenError(400, 'unsupported_grant_type', 'Invalid grant_type');
    if (typeof form.assertion !== 'string') throw tokenError(400, 'invalid_request', 'Missing assertion');
    const claims = await verified(form.assertion);
    const scopes = typeof claims.scope === 'string' ? claims.scope.split(' ') : [];
    if (scopes.length === 0) throw tokenError(400, 'invalid_scope', 'Empty or missing scope not allowed.');
    if (claims.sub !== undefined) checkDelegation(claims.sub, scopes);
    const token = `ya29.simulated-${randomBytes(18).toString('base64url')}`;
    tokens.set(token, {
      subject: claims.sub ?? null,
      scopes,
      expiresMs: Date.now() + LIFETIME_SECONDS * 1000,
    });
    issued += 1;
    return { access_token: token, expires_in: LIFETIME_SECONDS, token_type: 'Bearer' };
  }

  async function verified(assertion: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(assertion, await publicKey, {
        algorithms: ['RS256'],
        audience: 'https://oauth2.googleapis.com/token',
        requiredClaims: ['iss', 'iat', 'exp'],
      });
      if (payload.iss !== account.clientEmail) {
        throw tokenError(400, 'invalid_grant', 'Invalid grant: account not found');
      }
      return payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) {
        throw tokenError(400, 'invalid_grant', 'Invalid JWT Signature.');
      }
      if (error instanceof errors.JOSEError) {
        throw tokenError(400, 'invalid_grant', `Invalid JWT: ${error.message}`);
      }
      throw error;
    }
  }

  function checkDelegation(subject: string, scopes: string[]): void {
    const known = world.findUser(subject) ?? (autoProvision ? world.addUser({ email: subject }) : undefined);
    if (!known || delegation.not_impersonable.includes(known.email)) {
      throw tokenError(400, 'invalid_grant', 'Invalid email or User ID');
    }
    if (delegation.scopes && scopes.some((scope) => !delegation.scopes?.includes(scope))) {
      throw tokenError(
        401,
        'unauthorized_client',
        'Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.',
      );
    }
  }

  /** Who calls, by the `Authorization` header; 401 when the token is unknown, revoked or old, 403 without a scope. */
  function authorize(header: string | undefined, anyOf: readonly string[]): Grant {
    const grant = tokens.get(header?.replace(/^Bearer /, '') ?? '');
    if (!grant || grant.expiresMs <= Date.now()) {
      throw meetError(
        401,
        'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
        'ACCESS_TOKEN_EXPIRED',
        { 'WWW-Authenticate': 'Bearer realm="https://accounts.google.com/", error="invalid_token"' },
      );
    }
    if (!anyOf.some((scope) => grant.scopes.includes(scope))) {
      throw meetError(
        403,
        'Request had insufficient authentication scopes.',
        'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
      );
    }
    return grant;
  }

  return {
    issue,
    authorize,
    subjectOf: (header: string | undefined) =>
      tokens.get(header?.replace(/^Bearer /, '') ?? '')?.subject ?? null,
    revokeAll: () => tokens.clear(),
    setDelegation: (setting: DelegationSetting) => {
      delegation = setting;
    },
    setAutoProvision: (on: boolean) => {
      autoProvision = on;
    },
    issuedCount: () => issued,
    resetCount: () => {
      issued = 0;
    },
  };
}
