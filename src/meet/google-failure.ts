/** What Google or the network said, taken out of whatever the client library threw. */
export interface GoogleFailure {
  status: number | undefined;
  /** `ECONNREFUSED` and the like, when there was no answer. */
  networkCode: string | undefined;
  timedOut: boolean;
  /** Set when the token endpoint refused: `invalid_grant`, `unauthorized_client`, … */
  oauthError: string | undefined;
  /** Google's reason, of the newer APIs (`SERVICE_DISABLED`) or of the older ones (`quotaExceeded`). */
  reason: string | undefined;
  /** Where a disabled API is enabled. */
  activationUrl: string | undefined;
  retryAfter: string | undefined;
  message: string;
}

export function readFailure(error: unknown): GoogleFailure {
  const response = fieldOf(error, 'response');
  const data = fieldOf(response, 'data');
  const body = fieldOf(data, 'error');
  const details = rowsOf(fieldOf(body, 'details'));
  const info = details.find((detail) => fieldOf(detail, 'reason') !== undefined);
  const oldStyle = rowsOf(fieldOf(body, 'errors'))[0];
  const names = namesOf(error);
  return {
    status: numberOf(fieldOf(response, 'status')),
    networkCode: names.findLast((name) => /^[A-Z][A-Z0-9_]+$/.test(name)),
    timedOut: response === undefined && names.some((name) => TIMEOUTS.has(name)),
    oauthError: typeof body === 'string' ? body : undefined,
    reason: textOf(fieldOf(info, 'reason')) ?? textOf(fieldOf(oldStyle, 'reason')),
    activationUrl: textOf(fieldOf(fieldOf(info, 'metadata'), 'activationUrl')),
    retryAfter: headerOf(fieldOf(response, 'headers'), 'retry-after'),
    message:
      textOf(fieldOf(data, 'error_description')) ??
      textOf(fieldOf(body, 'message')) ??
      (error instanceof Error ? error.message : String(error)),
  };
}

/** The built-in fetch throws TimeoutError, node-fetch AbortError; a body cut off on time carries it as its cause. */
const TIMEOUTS = new Set([
  'TimeoutError',
  'AbortError',
  'ETIMEDOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

/** The names and codes of an error and of its causes, outermost first. */
function namesOf(error: unknown): string[] {
  const names: string[] = [];
  // Two libraries wrap what the network said; five levels are more than there are, and end a cycle.
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    const code = textOf(fieldOf(at, 'code'));
    names.push(at.name, ...(code === undefined ? [] : [code]));
  }
  return names;
}

/** The library's own fetch brings Headers of its own, which are no instance of the built-in class. */
function headerOf(headers: unknown, name: string): string | undefined {
  const get = fieldOf(headers, 'get');
  return typeof get === 'function' ? textOf(Reflect.apply(get, headers, [name])) : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);
const numberOf = (value: unknown) => (typeof value === 'number' ? value : undefined);
const rowsOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
