import type { CloseReason } from '../db/schema.ts';
import type { Span, WhosConnection } from '../db/whiteboard-connections.ts';

/** What holds a connection by itself: a WebSocket. */
export interface Peer {
  ping(): void;
  /** Says goodbye. */
  end(reason: CloseReason): void;
}

export type ClosedBy = 'its_peers' | 'anybody';

/** A connection as this server knows it. */
export interface Kept {
  readonly whose: WhosConnection;
  id: string;
  readonly connectedMs: number;
  seenMs: number;
  readonly peers: Set<Peer>;
  /** Of heartbeats, not stored yet. */
  spans: Span[];
  /** There is something to store. */
  changed: boolean;
  /** The first sign of life that is not stored. */
  unstoredFromMs: number | null;
  /** False: its row has to be made yet. */
  made: boolean;
  /** `its_peers`: its sockets are gone; another server may have some of it. */
  closed: { atMs: number; reason: CloseReason; byWhom: ClosedBy } | null;
  /** Settles when its end is stored, or could not be. */
  ended: PromiseWithResolvers<void> | null;
  classOverMs: number | null;
}

/** Names the connections of one name of one person, of which one at most goes on. */
export const keyOf = ({ ref, personId, name }: WhosConnection): string =>
  `${ref.tenantId} ${ref.classId} ${personId} ${name}`;
