import type { ClassRef, Tx } from '../db/client.ts';
import { sweeps } from '../db/schema.ts';

/** An attempt that failed: it says nothing about anybody, only that the source was asked at that instant. */
export async function storeFailedFetch(
  tx: Tx,
  ref: ClassRef,
  failed: { source: 'meet' | 'livekit'; atMs: number; scope: 'present' | 'all'; error: string },
): Promise<void> {
  await tx
    .insert(sweeps)
    .values({
      tenantId: ref.tenantId,
      classId: ref.classId,
      source: failed.source,
      at: new Date(failed.atMs),
      ok: false,
      scope: failed.scope,
      rooms: [],
      connections: [],
      error: failed.error,
    })
    .onConflictDoNothing();
}
