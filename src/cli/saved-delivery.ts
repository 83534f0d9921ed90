/** One line of a saved log of deliveries. */
export type SavedLine = { kind: 'delivery'; body: Buffer } | { kind: 'wrong'; reason: string };

const EXPECTED =
  'expected a delivery of LiveKit, or {"body": "…"} or {"raw": "…"} with one as text, as GET /api/set-aside gives it';

/** Reads the body as it was delivered. It is not judged here: the receiver knows what cannot be used. */
export function readSavedLine(line: string): SavedLine {
  const wrong = (reason: string): SavedLine => ({ kind: 'wrong', reason });
  let saved: unknown;
  try {
    saved = JSON.parse(line);
  } catch (error) {
    return wrong(`no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof saved !== 'object' || saved === null || Array.isArray(saved)) return wrong(EXPECTED);
  for (const name of ['raw', 'body']) {
    const text = name in saved ? Reflect.get(saved, name) : undefined;
    if (typeof text === 'string') return { kind: 'delivery', body: bytesOf(text) };
  }
  return 'event' in saved && !('raw' in saved) && !('body' in saved)
    ? { kind: 'delivery', body: Buffer.from(line.trim()) }
    : wrong(EXPECTED);
}

/** What was not text is kept in Base64 (read-webhook.ts). */
function bytesOf(text: string): Buffer {
  return text.startsWith('base64:') ? Buffer.from(text.slice('base64:'.length), 'base64') : Buffer.from(text);
}
