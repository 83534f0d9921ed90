/** An answer other than success, in the shape Google gives it. */
export class GoogleError extends Error {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Record<string, string>;
  constructor(status: number, message: string, body: unknown, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

const STATUS_NAMES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** The shape of the newer APIs, Meet among them: a status name and details with a reason. */
export function meetError(
  status: number,
  message: string,
  reason?: string,
  headers?: Record<string, string>,
) {
  const details = reason
    ? [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason,
          domain: 'googleapis.com',
          metadata: metadataOf(reason),
        },
      ]
    : undefined;
  const error = {
    code: status,
    message,
    status: STATUS_NAMES[status] ?? 'UNKNOWN',
    ...(details ? { details } : {}),
  };
  return new GoogleError(status, message, { error }, headers);
}

/** The shape of the Directory, which predates status names: a list of errors with a reason each. */
export function directoryError(
  status: number,
  message: string,
  reason: string,
  headers?: Record<string, string>,
) {
  const error = { code: status, message, errors: [{ message, domain: 'global', reason }] };
  return new GoogleError(status, message, { error }, headers);
}

/** The shape of the token endpoint (RFC 6749 §5.2). */
export function tokenError(
  status: number,
  error: string,
  description: string,
  headers?: Record<string, string>,
) {
  return new GoogleError(status, description, { error, error_description: description }, headers);
}

/** The shape fits the path, as each of Google's services has its own. */
export function errorForPath(
  path: string,
  status: number,
  given: { message?: string | undefined; reason?: string | undefined },
  headers: Record<string, string>,
): GoogleError {
  const message = given.message ?? `simulated ${status}`;
  if (path === '/token') return tokenError(status, given.reason ?? 'internal_failure', message, headers);
  if (path.startsWith('/admin/'))
    return directoryError(status, message, given.reason ?? 'backendError', headers);
  return meetError(status, message, given.reason, headers);
}

const metadataOf = (reason: string) =>
  reason === 'SERVICE_DISABLED'
    ? {
        service: 'meet.googleapis.com',
        consumer: 'projects/1234',
        activationUrl:
          'https://console.developers.google.com/apis/api/meet.googleapis.com/overview?project=1234',
      }
    : { service: 'meet.googleapis.com' };
