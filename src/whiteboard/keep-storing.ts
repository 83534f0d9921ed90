import type { Logger } from 'pino';
import { loggable } from '../loggable.ts';
import { type Presence, STORE_EVERY_MS } from './presence.ts';

/** Stores every five seconds until it is stopped, and then once more. */
export function keepStoring(presence: Presence, log: Logger): { stop(): Promise<void> } {
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    // A database that is slow is not asked for more at once.
    running ??= presence
      .tick()
      .catch((error: unknown) =>
        log.warn({ failure: loggable(error) }, 'signs of life wait for the database'),
      )
      .finally(() => {
        running = null;
      });
  }, STORE_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await running;
      await presence.stop();
    },
  };
}
