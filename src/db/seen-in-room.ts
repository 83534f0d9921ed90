import { sql } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';

/** What deliveries and listings have shown of the LiveKit room of a class so far. */
export interface SeenInRoom {
  /** Instances of the room: it may close and be made again. */
  instances: number;
  /** People, each once however many devices they had. Machines are none. */
  people: number;
}

export async function seenInRoom(tx: Tx, { tenantId, classId }: ClassRef): Promise<SeenInRoom> {
  const [seen] = await tx.execute<{ instances: number; people: number }>(sql`
    with instance as (
      select room from events where tenant_id = ${tenantId} and class_id = ${classId} and source = 'livekit'
      union
      select listed->>'room' from sweeps cross join jsonb_array_elements(rooms) as listed
      where tenant_id = ${tenantId} and class_id = ${classId} and source = 'livekit' and ok
    )
    select
      (select count(*)::integer from instance) as instances,
      (select count(distinct coalesce(c.person_id, i.id))::integer
        from class_identities c join identities i on i.tenant_id = c.tenant_id and i.id = c.identity_id
        where c.tenant_id = ${tenantId} and c.class_id = ${classId} and i.source = 'livekit' and i.kind <> 'machine'
      ) as people`);
  return seen ?? { instances: 0, people: 0 };
}
