/**
 * The connections to whiteboards that this server hears of. Connecting and leaving are stored at once; signs of life in
 * between are gathered here and written in one statement every five seconds, so a killed server loses at most that. Only
 * the server's clock is used. Connections of whichever server that nobody hears of any more are closed by all of them.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { SILENCE_MS } from '../attendance/whiteboard-silence.ts';
import { type Database, databaseUnavailable, inTenant, type Tx } from '../db/client.ts';
import type { CloseReason } from '../db/schema.ts';
import {
  type KeptConnection,
  lostConnections,
  type OpenConnection,
  openConnection,
  type Span,
  storePresence,
  type WhosConnection,
} from '../db/whiteboard-connections.ts';
import { loggable } from '../loggable.ts';
import type { Metrics } from '../metrics.ts';
import { type ClosedBy, type Kept, keyOf, type Peer } from './kept-connection.ts';

/** What a client is asked for (product §4). */
export const HEARTBEAT_MS = 15_000;
export const STORE_EVERY_MS = 5_000;
/** Leaves of one moment go together. */
const GATHER_LEAVES_MS = 20;
/** After the silence that ends a connection, the time that other servers take to write what they heard, twice. */
const CLOSED_BY_OTHERS_MS = SILENCE_MS + 2 * STORE_EVERY_MS;
const MOST_AT_ONCE = 5_000;
/** Once its class is over a connection gives its last sign of life; a heartbeat may be so far away. */
const LAST_SIGN_MS = HEARTBEAT_MS + STORE_EVERY_MS;
/** Heartbeats that are not further apart are one span (product §5, `active_seconds`). */
const HEARTBEAT_LASTS_MS = 30_000;

export interface Presence {
  /** Part of a transaction that has made sure that the person may: answers the connection that is open, or opens it. */
  open(tx: Tx, whose: WhosConnection): Promise<OpenConnection>;
  /** Once that is committed: from now on this server hears of it. */
  keep(whose: WhosConnection, opened: OpenConnection, peer?: Peer): Kept;
  find(whose: WhosConnection): Kept | null;
  sign(kept: Kept, kind: 'heartbeat' | 'life'): void;
  /** The socket is gone, and with the last one the connection. `lost`: it gave no sign of life any more. */
  detach(kept: Kept, peer: Peer, how: 'disconnected' | 'lost'): void;
  /** Resolves when the end is committed; rejects when it could not be. */
  disconnect(kept: Kept): Promise<void>;
  /** Stores what was gathered, and closes what is lost. */
  tick(): Promise<void>;
  /** Stores everything and says goodbye to every socket. */
  stop(): Promise<void>;
}

interface PresenceDeps {
  db: Database;
  now: () => number;
  log: Logger;
  metrics: Metrics;
}

export function createPresence({ db, now, log, metrics }: PresenceDeps): Presence {
  const instance = randomUUID();
  const all = new Set<Kept>();
  /** The one that goes on, of each name. */
  const current = new Map<string, Kept>();
  let turn: Promise<void> = Promise.resolve();
  let gathering = false;
  /** When signs of life could not be stored last. */
  let failedMs: number | null = null;

  const add = (whose: WhosConnection, opened: OpenConnection, made: boolean): Kept => {
    const kept: Kept = {
      whose,
      id: opened.id,
      connectedMs: opened.connectedMs,
      seenMs: opened.lastSeenMs,
      peers: new Set(),
      spans: [],
      changed: !made,
      unstoredFromMs: made ? null : opened.connectedMs,
      made,
      closed: null,
      ended: null,
      classOverMs: null,
    };
    all.add(kept);
    current.set(keyOf(whose), kept);
    metrics.whiteboardConnections.set(all.size);
    return kept;
  };
  const forget = (kept: Kept): void => {
    all.delete(kept);
    if (current.get(keyOf(kept.whose)) === kept) current.delete(keyOf(kept.whose));
    kept.ended?.resolve();
    metrics.whiteboardConnections.set(all.size);
  };
  const close = (kept: Kept, reason: CloseReason, atMs = kept.seenMs, byWhom: ClosedBy = 'anybody'): void => {
    kept.closed ??= { atMs, reason, byWhom };
  };
  /** Somebody whose connection is over goes on: with their sockets, as another connection. */
  const again = (kept: Kept, atMs: number): Kept => {
    const next = add(kept.whose, { id: randomUUID(), connectedMs: atMs, lastSeenMs: atMs }, false);
    for (const peer of kept.peers) next.peers.add(peer);
    kept.peers.clear();
    return next;
  };
  const goingOn = (kept: Kept): Kept => current.get(keyOf(kept.whose)) ?? kept;

  /** One statement after the other, so that nothing is told after its end. */
  const store = (which: (kept: Kept) => boolean): Promise<void> => {
    turn = turn.then(async () => {
      const due = [...all].filter((kept) => kept.made && which(kept));
      for (let at = 0; at < due.length; at += MOST_AT_ONCE) await storeAll(due.slice(at, at + MOST_AT_ONCE));
    });
    return turn;
  };

  /** A row that cannot be stored fails alone: they are halved until it stands by itself. */
  const storeAll = async (due: Kept[]): Promise<void> => {
    const told = due.map((kept) => {
      const { whose, id, seenMs, closed, spans, unstoredFromMs } = kept;
      kept.spans = [];
      kept.changed = false;
      kept.unstoredFromMs = null;
      const of = closed?.byWhom === 'its_peers' ? { ofInstance: instance } : {};
      const row = { tenantId: whose.ref.tenantId, id, seenMs, spans, closed, ...of };
      return { kept, spans, unstoredFromMs, row };
    });
    try {
      const rows = await storePresence(
        db,
        told.map(({ row }) => row),
      );
      const answers = new Map(rows.map((row) => [row.id, row]));
      for (const one of told) stored(one, answers.get(one.kept.id));
    } catch (error) {
      for (const { kept, spans, unstoredFromMs } of told) {
        kept.spans = [...spans, ...kept.spans];
        kept.changed = true;
        kept.unstoredFromMs = unstoredFromMs ?? kept.unstoredFromMs;
      }
      if (due.length > 1 && databaseUnavailable(error) === null) {
        const middle = due.length >> 1;
        await storeAll(due.slice(0, middle));
        await storeAll(due.slice(middle));
        return;
      }
      failedMs = now();
      for (const { kept } of told) {
        kept.ended?.reject(error);
        kept.ended = null;
      }
      log.warn({ failure: loggable(error) }, 'signs of life could not be stored; they wait for the next try');
    }
  };

  const stored = (
    { kept, spans, unstoredFromMs }: { kept: Kept; spans: Span[]; unstoredFromMs: number | null },
    answer: KeptConnection | undefined,
  ): void => {
    if (answer?.as === 'kept') {
      // Another server has some of it, or has heard of it since.
      if (kept.closed !== null) forget(kept);
      else if (answer.classStatus !== 'scheduled' && answer.classStatus !== 'open') classIsOver(kept);
      return;
    }
    forget(kept);
    // Taken for lost while its signs waited here, or taken up again while it was closed: it goes on as another.
    const mistaken = answer?.closeReason === 'lost' || answer?.as === 'closed';
    const fromMs = unstoredFromMs ?? kept.unstoredFromMs;
    if (kept.closed === null && mistaken && (fromMs !== null || kept.peers.size > 0)) {
      const next = again(kept, fromMs ?? kept.seenMs);
      next.seenMs = kept.seenMs;
      next.spans = [...spans, ...kept.spans];
    }
    for (const peer of kept.peers) peer.end(kept.closed?.reason ?? answer?.closeReason ?? 'disconnected');
  };

  /** Whoever stayed to the end proves it with one more sign. */
  const classIsOver = (kept: Kept): void => {
    const nowMs = now();
    if (kept.classOverMs === null) {
      kept.classOverMs = nowMs;
      for (const peer of kept.peers) peer.ping();
    } else if (kept.seenMs > kept.classOverMs || nowMs - kept.classOverMs >= LAST_SIGN_MS) {
      close(kept, 'class_over');
      storeLeaves();
    }
    kept.changed = true;
  };

  /** Rows that begin with a sign of life, and not with a call that made them. */
  const makeMissing = async (): Promise<void> => {
    for (const kept of [...all].filter(({ made }) => !made)) {
      const { whose, id, connectedMs } = kept;
      try {
        const opened = await inTenant(db, whose.ref.tenantId, (tx) =>
          openConnection(tx, whose, { instance, atMs: connectedMs, aliveMs: connectedMs - SILENCE_MS, id }),
        );
        kept.made = true;
        become(kept, opened.id);
      } catch (error) {
        log.warn({ failure: loggable(error) }, 'a connection that began again could not be stored yet');
        if (databaseUnavailable(error) !== null) return;
        // Its row may have been made and closed, and only the answer have been lost.
        kept.id = randomUUID();
      }
    }
  };

  /** What this server knew of that row under another name is the same connection. */
  const become = (kept: Kept, id: string): void => {
    kept.id = id;
    for (const other of all) {
      if (other === kept || other.id !== id) continue;
      kept.spans = [...other.spans, ...kept.spans];
      kept.seenMs = Math.max(kept.seenMs, other.seenMs);
      for (const peer of other.peers) kept.peers.add(peer);
      forget(other);
    }
  };

  const closeLost = async (): Promise<void> => {
    // Whatever waits here, or at another server that could not store either, is not lost.
    if (failedMs !== null && now() - failedMs < CLOSED_BY_OTHERS_MS) return;
    const lost = await lostConnections(db, {
      silentSinceMs: now() - CLOSED_BY_OTHERS_MS,
      most: MOST_AT_ONCE,
    });
    await storePresence(
      db,
      lost.map(({ tenantId, id, lastSeenMs }) => ({
        tenantId,
        id,
        seenMs: lastSeenMs,
        spans: [],
        closed: { atMs: lastSeenMs, reason: 'lost' },
      })),
    );
  };

  const tick = async (): Promise<void> => {
    const silentSinceMs = now() - SILENCE_MS;
    for (const kept of all) if (kept.seenMs < silentSinceMs) close(kept, 'lost');
    await makeMissing();
    await store(({ changed, closed }) => changed || closed !== null);
    await closeLost();
  };

  const storeLeaves = (): void => {
    if (gathering) return;
    gathering = true;
    setTimeout(() => {
      gathering = false;
      void store(({ closed }) => closed !== null);
    }, GATHER_LEAVES_MS);
  };

  return {
    async open(tx, whose) {
      const nowMs = now();
      return await openConnection(tx, whose, { instance, atMs: nowMs, aliveMs: nowMs - SILENCE_MS });
    },
    keep(whose, opened, peer) {
      let kept = current.get(keyOf(whose));
      if (kept?.made === false) become(kept, opened.id);
      if (kept?.id === opened.id) {
        kept.made = true;
        kept.seenMs = Math.max(kept.seenMs, opened.lastSeenMs);
        // Whoever comes back before the leave was stored has not left.
        if (kept.closed?.byWhom === 'its_peers') {
          kept.closed = null;
          // The leave may be on its way: then it goes on as another connection, from now on and not from the next sign.
          kept.unstoredFromMs ??= now();
        }
      } else kept = undefined;
      kept ??= add(whose, opened, true);
      if (peer) kept.peers.add(peer);
      return kept;
    },
    find(whose) {
      const kept = current.get(keyOf(whose));
      // After such a silence another server may know more.
      return kept === undefined || kept.closed !== null || now() - kept.seenMs > SILENCE_MS ? null : kept;
    },
    sign(given, kind) {
      const atMs = now();
      let kept = goingOn(given);
      if (kept.closed !== null && kept.closed.reason !== 'lost') return;
      if (kept.closed !== null || atMs - kept.seenMs > SILENCE_MS) {
        close(kept, 'lost');
        kept = again(kept, atMs);
      }
      kept.seenMs = Math.max(kept.seenMs, atMs);
      kept.changed = true;
      kept.unstoredFromMs ??= atMs;
      if (kind === 'life') return;
      const last = kept.spans.at(-1);
      if (last && atMs - last.untilMs <= HEARTBEAT_LASTS_MS) last.untilMs = Math.max(last.untilMs, atMs);
      else kept.spans.push({ fromMs: atMs, untilMs: atMs });
    },
    detach(given, peer, how) {
      const kept = goingOn(given);
      kept.peers.delete(peer);
      if (kept.peers.size > 0 || kept.closed !== null) return;
      if (how === 'lost') close(kept, 'lost', kept.seenMs, 'its_peers');
      else close(kept, 'disconnected', now(), 'its_peers');
      storeLeaves();
    },
    async disconnect(given) {
      const kept = goingOn(given);
      kept.ended ??= Promise.withResolvers();
      const { promise } = kept.ended;
      close(kept, 'disconnected', now());
      storeLeaves();
      await promise;
    },
    tick,
    async stop() {
      const nowMs = now();
      for (const kept of all) {
        // Whoever uses the HTTP calls finds another server, and the connection goes on there.
        if (kept.peers.size > 0) close(kept, 'server_shutdown', nowMs, 'its_peers');
      }
      await makeMissing();
      await store(({ changed, closed }) => changed || closed !== null);
      for (const kept of all) for (const peer of kept.peers) peer.end('server_shutdown');
    },
  };
}
