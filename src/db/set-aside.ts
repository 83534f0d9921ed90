import { and, asc, eq, gt, sql } from 'drizzle-orm';
import type { Tx } from './client.ts';
import { DEFAULT_ROOM_PATTERN } from './room-name.ts';
import { setAside } from './schema.ts';

export type SetAsideRow = typeof setAside.$inferSelect;

/** Signed deliveries that are no evidence of a class, as they came in; those for a room that has its class by now are. */
export async function listSetAside(
  tx: Tx,
  tenantId: string,
  { why, afterId, limit }: { why: SetAsideRow['why'] | undefined; afterId: bigint | null; limit: number },
): Promise<SetAsideRow[]> {
  return await tx
    .select()
    .from(setAside)
    .where(
      and(
        eq(setAside.tenantId, tenantId),
        why === undefined ? undefined : eq(setAside.why, why),
        afterId === null ? undefined : gt(setAside.id, afterId),
        // The school's own class has it, which costs little to see, or another's, which had none when it was told of.
        sql`(${setAside.why} <> 'no_class' or not exists (select from sessions s
            where s.tenant_id = ${tenantId} and s.room_name = ${setAside.roomName})
          and not exists (select from rollcall_room_owners(
            array[${setAside.roomName}], array[${setAside.keyTenant}], ${DEFAULT_ROOM_PATTERN}) o where o.class_id is not null))`,
      ),
    )
    .orderBy(asc(setAside.id))
    .limit(limit);
}
