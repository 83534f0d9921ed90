import pino, { type Logger } from 'pino';

/** Ids only: whatever could hold a secret or a person is left out by name, as a second line of defence. */
const REDACTED = ['*.authorization', '*.email', '*.password', '*.secret', 'req.headers', 'email'];

export function createLog(name: string, level: string): Logger {
  return pino({ name, level, redact: { paths: REDACTED, censor: '[left out]' } });
}
