/** What the API answers instead of a result: RFC 9457 problem details. Each code has a page and never changes. */

export interface FieldError {
  field: string;
  message: string;
}

const PROBLEMS = {
  'broken-request': { status: 400, title: 'The request cannot be read' },
  'not-authenticated': { status: 401, title: 'A valid bearer token is needed' },
  'not-allowed': { status: 403, title: 'This role may not do that' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'This path does not take this method' },
  conflict: { status: 409, title: 'The present state does not allow it' },
  'precondition-failed': { status: 412, title: 'Somebody changed it meanwhile' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'not-json': { status: 415, title: 'The body must be JSON' },
  'invalid-request': { status: 422, title: 'The request asks for something that cannot be' },
  'idempotency-key-reused': { status: 422, title: 'The Idempotency-Key belongs to another request' },
  'precondition-required': { status: 428, title: 'Say with If-Match what is to be overwritten' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'internal-error': { status: 500, title: 'Something is broken here' },
  'try-again': { status: 503, title: 'Not possible at the moment' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

interface Extra {
  errors?: FieldError[];
  /** Members of the problem object that belong to one kind of problem only. */
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
  cause?: unknown;
}

export class Problem extends Error {
  readonly code: ProblemCode;
  readonly extra: Extra;
  constructor(code: ProblemCode, detail: string, extra: Extra = {}) {
    super(detail, { cause: extra.cause });
    this.code = code;
    this.extra = extra;
  }
}

const problemType = (code: ProblemCode): string => `https://rollcall.dev/problems/${code}`;
export const problemStatus = (code: ProblemCode): number => PROBLEMS[code].status;

export function problemBody({ code, message, extra }: Problem): Record<string, unknown> {
  const { status, title } = PROBLEMS[code];
  const errors = extra.errors === undefined ? {} : { errors: extra.errors };
  return { type: problemType(code), title, status, detail: message, ...errors, ...extra.members };
}

/** Bad input. Every entry names a field and what would be accepted there. */
export function invalid(...errors: FieldError[]): Problem {
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new Problem('invalid-request', detail.slice(0, 1_000), { errors });
}

/** A body whose bytes say nothing: no field of it can be named. */
export function brokenBody(message: string): Problem {
  return new Problem('broken-request', `body: ${message}`, { errors: [{ field: 'body', message }] });
}

export function notFound(what: string): Problem {
  return new Problem('not-found', `there is no such ${what}`);
}

/** Nothing was done; the same request may be sent again. */
export function tryAgain(detail: string, afterSeconds: number, cause?: unknown): Problem {
  return new Problem('try-again', detail, { headers: { 'Retry-After': String(afterSeconds) }, cause });
}
