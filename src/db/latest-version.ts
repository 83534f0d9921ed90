import { and, eq, max } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { calculations } from './schema.ts';

/** Of the attendance of a class; null before its first calculation. */
export async function latestVersion(tx: Tx, { tenantId, classId }: ClassRef): Promise<number | null> {
  const [latest] = await tx
    .select({ version: max(calculations.version) })
    .from(calculations)
    .where(and(eq(calculations.tenantId, tenantId), eq(calculations.classId, classId)));
  return latest?.version ?? null;
}
