/**
 * `retry`: it may work later. `retry_after`: Google said when. `never`: somebody has to change something first, and
 * the message says what.
 */
export type MeetFaultKind = 'retry' | 'retry_after' | 'never';

export type MeetFaultCode =
  | 'bad_key'
  | 'clock_wrong'
  | 'scope_missing'
  | 'cannot_impersonate'
  | 'api_disabled'
  | 'forbidden'
  | 'not_found'
  | 'bad_request'
  | 'unauthenticated'
  | 'rate_limited'
  | 'unavailable'
  | 'timeout'
  | 'bad_answer';

/** Google refused, was away or answered nonsense. `code` is stable; the message names the thing and the cure. */
export class MeetFault extends Error {
  override readonly name = 'MeetFault';
  readonly code: MeetFaultCode;
  readonly kind: MeetFaultKind;
  /** Milliseconds from the answer on; given exactly with kind `retry_after`. */
  readonly retryAfterMs: number | undefined;
  /** What an operator does about it, where there is something to do. */
  readonly cure: string | undefined;
  /** The message without the cure. */
  readonly what: string;

  constructor(
    code: MeetFaultCode,
    kind: MeetFaultKind,
    what: string,
    more: { cure?: string | undefined; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(more.cure === undefined ? what : `${what}: ${more.cure}`, { cause: more.cause });
    this.code = code;
    this.kind = kind;
    this.retryAfterMs = more.retryAfterMs;
    this.cure = more.cure;
    this.what = what;
  }
}
