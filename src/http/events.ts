import { z } from 'zod';
import { type EventRow, listEvents } from '../db/events.ts';
import { findPeopleById } from '../db/people.ts';
import { readClass } from '../db/plans.ts';
import { STAFF } from './authentication.ts';
import { cursorId, pageOf, readCursor, writeCursor } from './cursor.ts';
import { iso, isoOrNull, page, shownInstant } from './fields.ts';
import { listOf } from './list-schema.ts';
import { read } from './route.ts';

export const EVENT_KINDS = [
  'joined',
  'left',
  'aborted',
  'seen',
  'heartbeat',
  'room_opened',
  'room_closed',
] as const;

const eventSchema = z
  .object({
    event_id: z.string(),
    source: z.string(),
    source_event_id: z.string(),
    kind: z.enum(EVENT_KINDS),
    at: shownInstant,
    joined_at: shownInstant.nullable(),
    until: shownInstant.nullable().meta({ description: 'The end of a merged span of heartbeats' }),
    connection_id: z.string().nullable(),
    room_id: z.string().nullable(),
    person_id: z.string().nullable(),
    email: z.string().nullable(),
    identity: z.string().nullable(),
    reason: z.string().nullable(),
    received_at: shownInstant,
  })
  .meta({ id: 'Event' });

export const eventsRoute = read({
  path: '/api/classes/{class_id}/events',
  operationId: 'listEvents',
  tag: 'evidence',
  summary: 'The evidence of a class, in the order in which it arrived',
  roles: STAFF,
  query: z.strictObject(page),
  answers: { 200: { description: 'A page of events', schema: listOf(eventSchema) } },
  async handle(tx, { ref, tenantId, query }) {
    const after = readCursor('events', z.tuple([cursorId]), query.cursor);
    await readClass(tx, ref);
    const rows = await listEvents(tx, ref, {
      afterId: after === null ? null : BigInt(after[0]),
      limit: query.limit + 1,
    });
    const ids = new Set(rows.flatMap(({ personId }) => (personId === null ? [] : [personId])));
    const persons = await findPeopleById(tx, tenantId, [...ids]);
    return pageOf(
      rows,
      query.limit,
      (row) => eventShape(row, row.personId === null ? undefined : persons.get(row.personId)?.email),
      (row) => writeCursor('events', [row.id.toString()]),
    );
  },
});

function eventShape(row: EventRow, email: string | undefined): z.output<typeof eventSchema> {
  return {
    event_id: row.id.toString(),
    source: row.source,
    source_event_id: row.sourceEventId,
    kind: row.kind,
    at: iso(row.at),
    joined_at: isoOrNull(row.joinedAt),
    until: isoOrNull(row.untilAt),
    connection_id: row.connection,
    room_id: row.room,
    person_id: row.personId,
    email: email ?? null,
    identity: row.identity,
    reason: row.reason,
    received_at: iso(row.receivedAt),
  };
}
