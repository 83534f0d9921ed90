import { and, asc, eq, sql } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { sweeps } from './schema.ts';

/** How an attempt to list who is there went; whom it listed stays where it is. */
export interface SweepLine {
  at: Date;
  source: string;
  ok: boolean;
  scope: 'present' | 'all';
  roomExisted: boolean | null;
  /** Connections. */
  listed: number;
  error: string | null;
}

/** By time. */
export async function listSweeps(tx: Tx, { tenantId, classId }: ClassRef): Promise<SweepLine[]> {
  return await tx
    .select({
      at: sweeps.at,
      source: sweeps.source,
      ok: sweeps.ok,
      scope: sweeps.scope,
      roomExisted: sweeps.roomExisted,
      listed: sql<number>`jsonb_array_length(${sweeps.connections})`,
      error: sweeps.error,
    })
    .from(sweeps)
    .where(and(eq(sweeps.tenantId, tenantId), eq(sweeps.classId, classId)))
    .orderBy(asc(sweeps.at), asc(sweeps.id));
}
