import { sql } from 'drizzle-orm';
import type { Tx } from './client.ts';

export interface Occupancy {
  classId: string;
  occupied: boolean;
  /** Since it was last noted, by whatever server. */
  changed: boolean;
}

/**
 * Notes in which of the classes somebody is in a LiveKit room by the log; classes that are not open yet are left out. Only
 * one of several servers that look at once is told of a change. Machines keep no class open, a closed room has nobody in
 * it, and whom a later listing does not show has gone without a word. Events are looked up class by class: for many classes PostgreSQL would rather read the whole log.
 */
export async function noteOccupancy(tx: Tx, tenantId: string, classIds: string[]): Promise<Occupancy[]> {
  const looked = await tx.execute<{ class_id: string; occupied: boolean; changed: boolean }>(sql`
    with looked as (
      select id as class_id from classes where tenant_id = ${tenantId} and status <> 'scheduled'
        and id in (select value::uuid from jsonb_array_elements_text(${JSON.stringify(classIds)}::jsonb))
    ), told as materialized (
      select looked.class_id, e.* from looked cross join lateral (
        select kind, at, connection, room, identity from events
        where tenant_id = ${tenantId} and class_id = looked.class_id and source = 'livekit' offset 0
      ) e
    ), present as (
      select class_id, connection, max(at) as at, max(room) as room, max(identity) as identity from told
      where connection is not null group by class_id, connection
      having bool_or(kind = 'joined') and not bool_or(kind in ('left', 'aborted'))
    ), listed as materialized (
      select looked.class_id, s.* from looked cross join lateral (
        select at, connections, joining from sweeps
        where tenant_id = ${tenantId} and class_id = looked.class_id and source = 'livekit' and ok order by at desc limit 1
      ) s
    ), occupied as (
      select p.class_id from present p
      left join identities i on i.tenant_id = ${tenantId} and i.source = 'livekit' and i.identity = p.identity
      left join (select distinct class_id, room from told where kind = 'room_closed') c
        on c.class_id = p.class_id and c.room = p.room
      left join listed l on l.class_id = p.class_id and l.at > p.at
        and not l.connections @> jsonb_build_array(jsonb_build_object('connection', p.connection))
        and not l.joining @> to_jsonb(p.connection)
      where i.kind is distinct from 'machine' and c.room is null and l.class_id is null
    ), now as (
      select class_id, class_id in (select class_id from occupied) as occupied from looked order by class_id
    ), noted as (
      update sessions s set occupied = now.occupied from now
      where s.tenant_id = ${tenantId} and s.class_id = now.class_id and s.occupied <> now.occupied
      returning s.class_id
    )
    select class_id, occupied, class_id in (select class_id from noted) as changed from now`);
  return looked.map(({ class_id: classId, occupied, changed }) => ({ classId, occupied, changed }));
}
