/**
 * `retry`: it may work later. `retry_after`: LiveKit said when. `never`: somebody has to change something first, and
 * the message says what.
 */
export type LiveKitFaultKind = 'retry' | 'retry_after' | 'never';

export type LiveKitFaultCode =
  | 'not_configured'
  | 'unauthenticated'
  | 'not_found'
  | 'bad_request'
  | 'rate_limited'
  | 'unavailable'
  | 'timeout'
  | 'bad_answer';

/** LiveKit refused, was away or answered nonsense. `code` is stable; the message names the thing and the cure. */
export class LiveKitFault extends Error {
  override readonly name = 'LiveKitFault';
  readonly code: LiveKitFaultCode;
  readonly kind: LiveKitFaultKind;
  /** Milliseconds from the answer on; given exactly with kind `retry_after`. */
  readonly retryAfterMs: number | undefined;
  /** What an operator does about it, where there is something to do. */
  readonly cure: string | undefined;
  /** The message without the cure. */
  readonly what: string;

  constructor(
    code: LiveKitFaultCode,
    kind: LiveKitFaultKind,
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
