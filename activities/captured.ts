/** What one fetch came to, in the same words for every provider. */
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { storeFailedFetch } from '../src/ingest/store-failed-fetch.ts';
import type { ProviderFault } from '../src/provider-fault.ts';
import type { ActivityDeps } from './index.ts';

/** Who is in the call now, or everybody who ever was. LiveKit tells the first only, whatever is asked. */
export type Scope = 'present' | 'all';

/** Counts only. */
export interface Found {
  /** When the provider was asked. */
  atMs: number;
  /** People in the call at that instant. */
  present: number;
  /** People whom the class has shown so far. */
  participants: number;
  /** Conferences, or instances of the room. */
  conferences: number;
  /** There was one, and every one has ended. */
  roomsClosed: boolean;
  /** A LiveKit room that is not there, whether or not it ever was. */
  roomMissing: boolean;
}

export type Captured =
  /** `problem`: what went wrong without losing evidence. */
  | { ok: true; found: Found; problem: ProviderFault | null }
  | { ok: false; source: 'meet' | 'livekit'; scope: Scope; fault: ProviderFault; atMs: number };

export type Failed = Extract<Captured, { ok: false }>;

/** The attempt is given up: it goes on record as one that failed. */
export async function recordFailure(
  { db }: ActivityDeps,
  ref: ClassRef,
  { source, scope, fault, atMs }: Failed,
): Promise<void> {
  const error = `${fault.code}: ${fault.message}`;
  await inTenant(db, ref.tenantId, (tx) => storeFailedFetch(tx, ref, { source, scope, atMs, error }));
}
