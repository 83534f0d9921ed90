/**
 * How long an answer asks to wait.
 * @param header seconds or an HTTP date (RFC 9110 §10.2.3)
 * @param nowMs UTC milliseconds, for the date
 * @returns milliseconds, at least 0; undefined when there is no header or it cannot be read
 */
export function retryAfterMs(header: string | null | undefined, nowMs: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
