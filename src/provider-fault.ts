/**
 * `retry`: it may work later. `retry_after`: the provider said when. `never`: somebody has to change something first, and
 * the message says what.
 */
export type FaultKind = 'retry' | 'retry_after' | 'never';

/** A provider refused, was away or answered nonsense. `code` is stable; the message names the thing and the cure. */
export abstract class ProviderFault<Code extends string = string> extends Error {
  /** As people call it. */
  abstract readonly provider: string;
  readonly code: Code;
  readonly kind: FaultKind;
  /** Milliseconds from the answer on; given exactly with kind `retry_after`. */
  readonly retryAfterMs: number | undefined;
  /** What an operator does about it, where there is something to do. */
  readonly cure: string | undefined;
  /** The message without the cure. */
  readonly what: string;

  constructor(
    code: Code,
    kind: FaultKind,
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
