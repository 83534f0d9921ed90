/**
 * Hears which classes have changed (drizzle/0004_live.sql), on a connection of its own. Notices are lost while that is
 * broken, and a broken one may look whole, so it is tried again and again with a notice of our own.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { loggable } from '../loggable.ts';
import type { ClassRef, Database } from './client.ts';

const CHANNEL = 'rollcall_change';
const TRY_EVERY_MS = 10_000;
const HEARD_WITHIN_MS = 5_000;
const LISTEN_AGAIN_MS = 500;

export interface ChangeListener {
  changed(ref: ClassRef): void;
  /** Anything may have changed: this listens again, or for the first time. */
  anything(): void;
}

/** Listens until `signal` says stop. */
export async function listenForChanges(
  db: Database,
  listener: ChangeListener,
  { log, signal }: { log: Logger; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const own = db.another();
    let heard = '';
    const hear = (payload: string): void => {
      if (payload.startsWith('!')) heard = payload;
      else for (const ref of refsIn(payload)) listener.changed(ref);
    };
    try {
      await own.listen(CHANNEL, hear, () => listener.anything());
      for (;;) {
        await sleep(TRY_EVERY_MS, undefined, { signal });
        const tried = `!${randomUUID()}`;
        await db.sql`select pg_notify(${CHANNEL}, ${tried})`;
        for (let waited = 0; heard !== tried; waited += 100) {
          if (waited >= HEARD_WITHIN_MS) throw new Error('a notice to ourselves did not arrive');
          await sleep(100, undefined, { signal });
        }
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ failure: loggable(error) }, 'changes are not heard; listening again');
    }
    await own.end({ timeout: 1 }).catch(() => {});
    await sleep(LISTEN_AGAIN_MS, undefined, { signal }).catch(() => {});
  }
}

const refsIn = (payload: string): ClassRef[] =>
  payload.split(',').map((one) => {
    const [tenantId = '', classId = ''] = one.split(' ');
    return { tenantId, classId };
  });
