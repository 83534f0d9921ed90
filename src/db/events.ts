import { and, asc, eq, gt } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { events } from './schema.ts';

export type EventRow = typeof events.$inferSelect;

/** The evidence of a class in the order in which it arrived. */
export async function listEvents(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  { afterId, limit }: { afterId: bigint | null; limit: number },
): Promise<EventRow[]> {
  return await tx
    .select()
    .from(events)
    .where(
      and(
        eq(events.tenantId, tenantId),
        eq(events.classId, classId),
        afterId === null ? undefined : gt(events.id, afterId),
      ),
    )
    .orderBy(asc(events.id))
    .limit(limit);
}

/** Did this source ever tell anything of the class? */
export async function hasEventsOf(
  tx: Tx,
  { tenantId, classId }: ClassRef,
  source: EventRow['source'],
): Promise<boolean> {
  const found = await tx
    .select({ id: events.id })
    .from(events)
    .where(and(eq(events.tenantId, tenantId), eq(events.classId, classId), eq(events.source, source)))
    .limit(1);
  return found.length > 0;
}
