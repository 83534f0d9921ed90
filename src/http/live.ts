/**
 * `GET /api/classes/{id}/live`: the roll as it changes, as server-sent events (https://html.spec.whatwg.org/#server-sent-events).
 * First `snapshot`, then `change` with whoever changed, `alert` beside it for each that is raised, at the end `settled`. The id of
 * the last event of a moment names the roll as it is then; with that as `Last-Event-ID` a stream goes on without a snapshot when nothing happened meanwhile, on any server.
 */
import type { ServerResponse } from 'node:http';
import { listenForChanges } from '../db/changes.ts';
import { type ClassRef, classKey, inTenant } from '../db/client.ts';
import { loggable } from '../loggable.ts';
import { STAFF } from './authentication.ts';
import {
  changeBetween,
  type LiveRoll,
  liveRollSchema,
  newAlerts,
  readLiveRoll,
  revisionOf,
} from './live-roll.ts';
import { mustBeOwn } from './own-class.ts';
import { tryAgain } from './problem.ts';
import { type Deps, stream } from './route.ts';

/** Changes of one moment are one message. */
const GATHER_MS = 50;
/** A class in which a lot happens is looked at so often and no more. */
const LOOK_EVERY_MS = 250;
/** Proxies cut what is silent for a minute, some sooner. */
const COMMENT_EVERY_MS = 15_000;
/** A watcher that does not read is cut off, and comes back for a snapshot. */
const MOST_UNREAD_BYTES = 1024 * 1024;
const READ_WITHIN_MS = 5_000;
const MOST_WATCHERS = 2_000;
/** A roll that cannot be read is tried again ever more rarely. */
const MOST_PATIENCE_MS = 5_000;
/** Of `setTimeout`: 24 days. */
const LONGEST_TIMER_MS = 2_147_483_647;
const COME_BACK_MS = 2_000;
const SETTLED: ReadonlySet<string> = new Set(['completed', 'incomplete', 'cancelled']);

interface Watched {
  ref: ClassRef;
  /** Have been told everything up to `told`. */
  ready: Set<ServerResponse>;
  /** Have been told nothing yet. */
  waiting: Map<ServerResponse, Newcomer>;
  told: LiveRoll | null;
  /** Something happened since the look that is under way began. */
  due: boolean;
  looking: boolean;
}

interface Newcomer {
  lastEventId: string | undefined;
  begun: PromiseWithResolvers<void>;
}

interface Watching {
  lastEventId: string | undefined;
  /** The stream ends with the token; whoever has another one comes back and misses nothing. */
  untilMs: number;
}

export interface Live {
  /** Takes the response over until it ends. Throws before anything is sent. */
  watch(ref: ClassRef, res: ServerResponse, given: Watching): Promise<void>;
  /** Ends every stream. */
  stop(): Promise<void>;
}

export function createLive({ db, now, log, metrics }: Pick<Deps, 'db' | 'now' | 'log' | 'metrics'>): Live {
  const classes = new Map<string, Watched>();
  const stopping = new AbortController();
  let listening: Promise<void> | null = null;
  let watching = 0;

  const readRoll = (ref: ClassRef): Promise<LiveRoll> =>
    inTenant(db, ref.tenantId, (tx) => readLiveRoll(tx, ref, now()));

  const happened = (watched: Watched): void => {
    watched.due = true;
    if (watched.looking) return;
    watched.looking = true;
    setTimeout(() => void lookWhileDue(watched), GATHER_MS);
  };

  /** One look after the other, so that nobody is told what is older than what they know. */
  const lookWhileDue = async (watched: Watched): Promise<void> => {
    const { ready, waiting } = watched;
    let pauseMs = LOOK_EVERY_MS;
    while (watched.due && ready.size + waiting.size > 0) {
      watched.due = false;
      const newcomers = [...waiting];
      try {
        const roll = await readRoll(watched.ref);
        tell(watched, roll);
        for (const [res, newcomer] of newcomers) {
          if (waiting.has(res)) welcome(watched, res, newcomer.lastEventId, roll);
          newcomer.begun.resolve();
        }
        pauseMs = LOOK_EVERY_MS;
      } catch (error) {
        for (const [res, { begun }] of newcomers) {
          remove(watched, res);
          begun.reject(error);
        }
        watched.due = true;
        if (pauseMs === LOOK_EVERY_MS)
          log.warn({ failure: loggable(error) }, 'the roll cannot be read; trying again');
        pauseMs = Math.min(MOST_PATIENCE_MS, pauseMs * 2);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    watched.looking = false;
  };

  const tell = (watched: Watched, roll: LiveRoll): void => {
    const before = watched.told;
    const change = before === null ? null : changeBetween(before, roll);
    const opened = before?.status !== 'open' || before.start_time !== roll.start_time;
    if (roll.status === 'open' && opened) {
      // No row says when an open class becomes an active one: the clock does.
      const untilMs = Math.max(0, Date.parse(roll.start_time) - now());
      setTimeout(() => happened(watched), untilMs).unref();
    }
    watched.told = roll;
    if (change === null) return;
    const alerts = before === null ? [] : newAlerts(before, roll);
    const told = moment(roll, [
      eventText('change', change),
      ...alerts.map((alert) => eventText('alert', { class_id: roll.class_id, at: roll.at, alert })),
    ]);
    for (const res of watched.ready) write(res, told);
    if (SETTLED.has(roll.status)) for (const res of watched.ready) finish(watched, res);
  };

  const welcome = (
    watched: Watched,
    res: ServerResponse,
    lastEventId: string | undefined,
    roll: LiveRoll,
  ): void => {
    const seen = lastEventId === revisionOf(roll);
    const settled = SETTLED.has(roll.status);
    if (seen && settled) {
      // Tells a client that comes back to a settled class to stop coming.
      remove(watched, res);
      res.writeHead(204).end();
      return;
    }
    watched.waiting.delete(res);
    watched.ready.add(res);
    res.writeHead(200, HEADERS);
    write(res, `retry: ${COME_BACK_MS}\n\n`);
    if (!seen) write(res, moment(roll, [eventText('snapshot', roll)]));
    if (settled) finish(watched, res);
  };

  const finish = (watched: Watched, res: ServerResponse): void => {
    remove(watched, res);
    end(res);
  };

  const remove = (watched: Watched, res: ServerResponse): void => {
    const was = watched.ready.delete(res);
    if (!watched.waiting.delete(res) && !was) return;
    metrics.liveWatchers.set(--watching);
    if (watched.ready.size + watched.waiting.size === 0) classes.delete(classKey(watched.ref));
  };

  const listen = (): void => {
    const listener = {
      changed: (ref: ClassRef) => {
        const watched = classes.get(classKey(ref));
        if (watched) happened(watched);
      },
      anything: () => {
        for (const watched of classes.values()) happened(watched);
      },
    };
    listening ??= listenForChanges(db, listener, { log, signal: stopping.signal });
  };

  const comments = setInterval(() => {
    for (const { ready } of classes.values()) for (const res of ready) write(res, ': alive\n\n');
  }, COMMENT_EVERY_MS);
  comments.unref();

  return {
    async watch(ref, res, { lastEventId, untilMs }) {
      if (res.destroyed) return;
      if (stopping.signal.aborted) throw tryAgain('the server is stopping', 1);
      if (watching >= MOST_WATCHERS) throw tryAgain('too many watch classes on this server', 5);
      listen();
      const key = classKey(ref);
      const watched = classes.get(key) ?? newlyWatched(ref);
      classes.set(key, watched);
      const begun = Promise.withResolvers<void>();
      watched.waiting.set(res, { lastEventId, begun });
      metrics.liveWatchers.set(++watching);
      // A connection that breaks says so with `close` too.
      res.on('error', () => {});
      // Whoever has been told nothing yet is not to take the end for an answer.
      const over = () => (res.headersSent ? end(res) : res.destroy());
      const expired = setTimeout(over, Math.min(Math.max(0, untilMs - Date.now()), LONGEST_TIMER_MS));
      res.once('close', () => {
        clearTimeout(expired);
        remove(watched, res);
        begun.resolve();
      });
      happened(watched);
      await begun.promise;
    },
    async stop() {
      stopping.abort();
      clearInterval(comments);
      for (const { ready, waiting } of classes.values()) {
        for (const res of ready) end(res);
        for (const { begun } of waiting.values()) begun.reject(tryAgain('the server is stopping', 1));
        waiting.clear();
      }
      await listening;
    },
  };
}

const newlyWatched = (ref: ClassRef): Watched => ({
  ref,
  ready: new Set(),
  waiting: new Map(),
  told: null,
  due: false,
  looking: false,
});

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  // nginx would gather the events.
  'X-Accel-Buffering': 'no',
};

const eventText = (event: string, data: unknown): string =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/**
 * What is told of one moment, and at the end that it is one. The id, which says how the roll is after it, comes with the last
 * event: whoever is cut off in the middle has not seen it all.
 */
function moment(roll: LiveRoll, events: readonly string[]): string {
  const { class_id, at, status } = roll;
  const all = SETTLED.has(status) ? [...events, eventText('settled', { class_id, at, status })] : events;
  return `${all.slice(0, -1).join('')}id: ${revisionOf(roll)}\n${all.at(-1)}`;
}

/** To whoever is still there, and reads. */
function write(res: ServerResponse, text: string): void {
  if (res.writableEnded || res.destroyed) return;
  res.write(text);
  if (res.writableLength > MOST_UNREAD_BYTES) res.destroy();
}

/** What is not read by then is not read any more. */
function end(res: ServerResponse): void {
  const cut = setTimeout(() => res.destroy(), READ_WITHIN_MS);
  res.once('close', () => clearTimeout(cut));
  res.end();
}

export const liveRoute = stream({
  path: '/api/classes/{class_id}/live',
  operationId: 'watchClass',
  tag: 'attendance',
  summary: 'The roll as it changes: server-sent events',
  description:
    'First `snapshot` with the whole roll, then `change` with whoever changed, each within a second, and `alert` for each alert that is raised; comments while nothing happens; `settled` at the end. The stream ends when the token expires. With the last id as `Last-Event-ID` it goes on where it was, with a snapshot only if something happened meanwhile.',
  roles: [...STAFF, 'teacher'],
  answers: {
    200: {
      description: 'Events; their data is this, or the part of it that changed',
      schema: liveRollSchema,
    },
  },
  async open(call, { res, lastEventId }) {
    await inTenant(call.deps.db, call.tenantId, (tx) => mustBeOwn(tx, call));
    await call.deps.live.watch(call.ref, res, { lastEventId, untilMs: call.caller.expiresMs });
  },
});
