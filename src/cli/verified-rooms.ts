/** What `verify-livekit` found, for people and for scripts. */
import { clock, day } from '../attendance/words.ts';
import type { Look } from './look-into-room.ts';
import { printable } from './printable.ts';
import type { RoomChange } from './room-changes.ts';

export type Verified = { id: string } & (
  | { kind: 'listed'; look: Look; kept: boolean }
  | { kind: 'failed'; reason: string }
);

export function inJson(tenant: string, dryRun: boolean, verified: readonly Verified[]) {
  return {
    tenant,
    dry_run: dryRun,
    classes: verified.flatMap((one) => (one.kind === 'failed' ? [] : [listedShape(one)])),
    failed: verified.flatMap((one) =>
      one.kind === 'failed' ? [{ class_id: one.id, reason: one.reason }] : [],
    ),
  };
}

function listedShape({ id, look, kept }: { id: string; look: Look; kept: boolean }) {
  const { room, listing, present, changes, nameOf } = look;
  return {
    class_id: id,
    room,
    listed_at: iso(listing.atMs),
    room_existed: listing.roomExisted,
    present,
    changes: changes.map((change) => ({
      change: change.kind,
      who: nameOf(change.who),
      connection: change.connection,
      ...timesOf(change),
    })),
    kept,
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

function timesOf(change: RoomChange): Record<string, string> {
  switch (change.kind) {
    case 'not_in_log':
      return { since: iso(change.sinceMs) };
    case 'left_in_log':
      return { left_at: iso(change.leftMs) };
    case 'not_listed':
      return { end: iso(change.endMs), mark: change.mark };
    default:
      return change satisfies never;
  }
}

export function inWords(tenant: string, dryRun: boolean, verified: readonly Verified[]): string {
  if (verified.length === 0) return `No LiveKit class of ${tenant} is open now.\n`;
  const listed = verified.flatMap((one) => (one.kind === 'failed' ? [] : [one]));
  const end = dryRun ? 'Nothing was kept (--dry-run).' : `Kept: ${listed.length} of ${verified.length}.`;
  return `${[...listed.flatMap(linesOf), end].join('\n')}\n`;
}

function linesOf({ id, look }: { id: string; look: Look }): string[] {
  const { room, listing, present, changes, nameOf } = look;
  const at = listing.atMs;
  const there = listing.roomExisted ? `${present} in the room` : 'the room is not there';
  return [
    `${id}  ${room}  ${day(at)} ${clock(at, at)} UTC: ${there}${changes.length === 0 ? ', nothing changes' : ''}`,
    ...changes.map((change) => printable(`  ${wordsOf(change, nameOf(change.who), at)}`)),
  ];
}

function wordsOf(change: RoomChange, who: string, atMs: number): string {
  const time = (ms: number): string => clock(ms, atMs);
  switch (change.kind) {
    case 'not_in_log':
      return `+ ${who} is there since ${time(change.sinceMs)}, which the log does not know (${change.connection})`;
    case 'left_in_log':
      return `+ ${who} is there, and by the log has left at ${time(change.leftMs)} (${change.connection})`;
    case 'not_listed':
      return `- ${who} is not there, and by the log has not left: the end becomes ${time(change.endMs)}, ${change.mark} (${change.connection})`;
    default:
      return change satisfies never;
  }
}
