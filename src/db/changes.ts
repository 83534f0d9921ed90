/** Notices of which classes have changed (drizzle/0004_live.sql): how they are heard, and told where no trigger does it. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { loggable } from '../loggable.ts';
import { type ClassRef, classKey, type Database } from './client.ts';

const CHANNEL = 'rollcall_change';
const TRY_EVERY_MS = 10_000;
const HEARD_WITHIN_MS = 5_000;
const LISTEN_AGAIN_MS = 500;
/** Changes of one moment are one notice. */
const GATHER_MS = 25;
const TELL_AGAIN_MS = 500;
const MOST_ATTEMPTS = 5;
/** A notice holds 8,000 bytes: sixty classes of tenants with the longest names. */
const CLASSES_A_NOTICE = 60;

export interface ChangeListener {
  changed(ref: ClassRef): void;
  /** Anything may have changed: this listens again, or for the first time. */
  anything(): void;
}

/**
 * Listens until `signal` says stop, on a connection of its own. Notices are lost while that is broken, and a broken one may
 * look whole, so it is tried again and again with a notice of our own.
 */
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

export interface ChangeTeller {
  changed(ref: ClassRef): void;
  /** Resolves when everything has been told, or given up. */
  told(): Promise<void>;
}

/**
 * Tells of changes a moment after they were committed. Telling with the commit makes commits wait for each other, because
 * PostgreSQL lets one transaction at a time commit its notices: too slow for what comes by the thousand. A process that dies
 * within that moment tells nobody; who watches sees it with the next change, at the latest when the room is verified.
 */
export function createChangeTeller(db: Database, log: Pick<Logger, 'warn'>): ChangeTeller {
  /** Anew for each notice: V8 makes what an old map grows by in the old generation, where it keeps all that it ever held. */
  let gathered: Map<string, ClassRef> | null = null;
  let telling = Promise.resolve();

  const tell = async (): Promise<void> => {
    await sleep(GATHER_MS);
    const refs = [...(gathered?.values() ?? [])];
    gathered = null;
    for (let attempt = 1; ; attempt++) {
      try {
        return await tellChanges(db, refs);
      } catch (error) {
        // Who listens to a database that was away looks at everything when it is back.
        if (attempt === MOST_ATTEMPTS)
          return log.warn({ failure: loggable(error) }, 'changes of classes were not told');
        await sleep(TELL_AGAIN_MS);
      }
    }
  };

  return {
    changed(ref) {
      if (gathered === null) {
        gathered = new Map();
        telling = telling.then(tell);
      }
      gathered.set(classKey(ref), ref);
    },
    told: () => telling,
  };
}

/** Tells of changes that are committed. The commit of notices keeps nothing, so nobody waits for the disk. */
export async function tellChanges(db: Database, refs: readonly ClassRef[]): Promise<void> {
  const classes = [...new Set(refs.map(classKey))];
  const notices: string[] = [];
  for (let at = 0; at < classes.length; at += CLASSES_A_NOTICE)
    notices.push(classes.slice(at, at + CLASSES_A_NOTICE).join(','));
  await db.sql`select set_config('synchronous_commit', 'off', true), pg_notify(${CHANNEL}, told)
    from unnest(${notices}::text[]) told`;
}
