import { MeetFault } from './fault.ts';
import { type GoogleFailure, readFailure } from './google-failure.ts';
import { retryAfterMs } from './retry-after.ts';
import { DIRECTORY_READONLY } from './scopes.ts';

/** What was attempted, for the message. */
export interface Attempt {
  /** In words: `list conference records of spaces/x`. */
  doing: string;
  subject: string;
  scopes: readonly string[];
  clientId: string;
  clientEmail: string;
  timeoutMs: number;
}

/**
 * Turns whatever a call to Google threw into our own error.
 * @param nowMs UTC milliseconds, against which a Retry-After date is measured
 */
export function readFault(error: unknown, attempt: Attempt, nowMs: number): MeetFault {
  if (error instanceof MeetFault) return error;
  const failure = readFailure(error);
  const fault = failure.oauthError === undefined ? apiFault(failure, attempt) : tokenFault(failure, attempt);
  const [code, kind, message, cure] = fault;
  const waitMs = kind === 'retry' ? retryAfterMs(failure.retryAfter, nowMs) : undefined;
  return new MeetFault(code, waitMs === undefined ? kind : 'retry_after', message, {
    cure,
    retryAfterMs: waitMs,
    cause: error,
  });
}

type Verdict = [code: MeetFault['code'], kind: 'retry' | 'never', message: string, cure?: string];

/** Refusals of the token endpoint, by the error names of RFC 6749 and Google's descriptions. */
function tokenFault(failure: GoogleFailure, attempt: Attempt): Verdict {
  const { subject, clientEmail } = attempt;
  const said = `${failure.oauthError}: ${failure.message}`;
  switch (failure.oauthError) {
    case 'unauthorized_client':
    case 'invalid_scope':
    case 'access_denied':
      return scopeMissing(attempt);
    case 'invalid_grant':
      if (/signature|account not found/i.test(failure.message)) {
        return [
          'bad_key',
          'never',
          `Google refuses the key of ${clientEmail} (${said})`,
          'make a new key; this one was deleted or belongs to another account',
        ];
      }
      if (/short-lived|\biat\b|\bexp\b/i.test(failure.message)) {
        return [
          'clock_wrong',
          'retry',
          `Google refuses the token request (${said})`,
          'set the clock of this machine',
        ];
      }
      return [
        'cannot_impersonate',
        'never',
        `cannot impersonate ${subject} (${said})`,
        'this must be the e-mail of an active user of the domain that delegated to the service account',
      ];
    case 'invalid_client':
    case 'deleted_client':
    case 'disabled_client':
      return [
        'bad_key',
        'never',
        `Google refuses the service account ${clientEmail} (${said})`,
        'enable it, or use the key of another one',
      ];
    default:
      return failure.status === 429
        ? ['rate_limited', 'retry', `too many token requests (${said})`]
        : ['unavailable', 'retry', `Google's token endpoint failed (${failure.status} ${said})`];
  }
}

/** Refusals of the APIs, by status and reason. */
function apiFault(failure: GoogleFailure, attempt: Attempt): Verdict {
  const { doing, subject } = attempt;
  const said = `${failure.status ?? failure.networkCode}: ${failure.message}`;
  if (failure.timedOut) return ['timeout', 'retry', `${doing}: no answer within ${attempt.timeoutMs} ms`];
  if (failure.status === undefined) {
    return ['unavailable', 'retry', `${doing}: cannot reach Google (${said})`];
  }
  if (RATE_REASONS.has(failure.reason ?? '')) {
    return ['rate_limited', 'retry', `${doing}: quota exceeded (${said})`];
  }
  switch (failure.status) {
    case 400:
      return ['bad_request', 'never', `${doing}: Google does not understand the request (${said})`];
    case 401:
      return ['unauthenticated', 'retry', `${doing} as ${subject}: a fresh token was refused too (${said})`];
    case 403:
      return forbidden(failure, attempt, said);
    case 404:
      return notFound(attempt, said);
    case 429:
      return ['rate_limited', 'retry', `${doing}: quota exceeded (${said})`];
    default:
      return failure.status >= 500 || failure.status === 408
        ? ['unavailable', 'retry', `${doing}: Google failed (${said})`]
        : ['bad_request', 'never', `${doing}: refused (${said})`];
  }
}

const SHARE_CONTACTS = 'turn on contact sharing in the Admin console > Directory > Directory settings';

function notFound({ doing, subject, scopes }: Attempt, said: string): Verdict {
  const what = `${doing}: not found, or not visible to ${subject} (${said})`;
  return scopes.includes(DIRECTORY_READONLY)
    ? ['not_found', 'never', what, SHARE_CONTACTS]
    : ['not_found', 'never', what];
}

function forbidden(failure: GoogleFailure, attempt: Attempt, said: string): Verdict {
  switch (failure.reason) {
    case 'ACCESS_TOKEN_SCOPE_INSUFFICIENT':
    case 'insufficientPermissions':
      return scopeMissing(attempt);
    case 'SERVICE_DISABLED':
    case 'accessNotConfigured':
      return [
        'api_disabled',
        'never',
        `${attempt.doing}: the API is not enabled (${said})`,
        `enable it at ${failure.activationUrl ?? "the Cloud console of the service account's project"}`,
      ];
    default:
      return [
        'forbidden',
        'never',
        `${attempt.doing}: ${attempt.subject} may not (${said})`,
        attempt.scopes.includes(DIRECTORY_READONLY)
          ? SHARE_CONTACTS
          : 'the subject must be the organizer of the space',
      ];
  }
}

function scopeMissing({ scopes, subject, clientId, clientEmail }: Attempt): Verdict {
  return [
    'scope_missing',
    'never',
    `${scopes.length === 1 ? 'scope' : 'one of the scopes'} ${scopes.join(', ')} missing for ${subject}`,
    `add ${scopes.length === 1 ? 'it' : 'them'} to the client ${clientId} (${clientEmail}) in the Admin console > Security > API controls > Domain-wide delegation; it can take up to a day to hold`,
  ];
}

// The Directory reports an exceeded quota as 403 with one of these.
const RATE_REASONS = new Set([
  'quotaExceeded',
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'dailyLimitExceeded',
  'RATE_LIMIT_EXCEEDED',
]);
