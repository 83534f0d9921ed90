import type { RoomListing } from './answer.ts';

export interface SharedListings {
  /** One that was asked at `notBeforeMs` or later; without it, one that is fresh. A failed one is nobody's. */
  list(room: string, notBeforeMs?: number): Promise<RoomListing>;
  /** The room was changed: what was listed before does not hold. */
  forget(room: string): void;
}

interface Entry {
  /** Before LiveKit was asked, UTC milliseconds. */
  atMs: number;
  underWay: boolean;
  listing: Promise<RoomListing>;
}

/**
 * One listing for everybody who asks about a room while it is under way, or within `freshMs` from its `atMs`. It keeps
 * no more than the rooms of that time.
 */
export function shareListings({
  ask,
  now,
  freshMs,
}: {
  ask: (room: string) => Promise<RoomListing>;
  now: () => number;
  freshMs: number;
}): SharedListings {
  const entries = new Map<string, Entry>();

  function dropOld(nowMs: number): void {
    for (const [room, { atMs, underWay }] of entries) {
      if (!underWay && atMs + freshMs <= nowMs) entries.delete(room);
    }
  }

  function start(room: string, atMs: number): Entry {
    const entry: Entry = { atMs, underWay: true, listing: ask(room) };
    entries.set(room, entry);
    entry.listing.then(
      (listing) => Object.assign(entry, { atMs: listing.atMs, underWay: false }),
      () => {
        if (entries.get(room) === entry) entries.delete(room);
      },
    );
    return entry;
  }

  return {
    list(room, notBeforeMs = Number.NEGATIVE_INFINITY) {
      const nowMs = now();
      dropOld(nowMs);
      const known = entries.get(room);
      const entry = known !== undefined && known.atMs >= notBeforeMs ? known : start(room, nowMs);
      return entry.listing;
    },
    forget: (room) => void entries.delete(room),
  };
}
