import { and, eq } from 'drizzle-orm';
import type { ClassRef, Tx } from '../src/db/client.ts';
import { classes } from '../src/db/schema.ts';
import type { ProviderFault } from '../src/provider-fault.ts';

/** Puts the problem on the class, or takes it off. What stays the same keeps its date. */
export async function noteProblem(
  tx: Tx,
  ref: ClassRef,
  fault: ProviderFault | null,
  nowMs: number,
): Promise<void> {
  const ofClass = and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId));
  const [row] = await tx.select({ problem: classes.captureProblem }).from(classes).where(ofClass);
  const before = row?.problem ?? null;
  if (before?.message === fault?.message) return;
  const since = before?.code === fault?.code && before ? before.since : new Date(nowMs).toISOString();
  const captureProblem = fault && { code: fault.code, message: fault.message, since };
  await tx.update(classes).set({ captureProblem }).where(ofClass);
}
