import { z } from 'zod';
import { listSetAside } from '../db/set-aside.ts';
import { cursorId, pageOf, readCursor, writeCursor } from './cursor.ts';
import { iso, page, shownInstant } from './fields.ts';
import { listOf } from './list-schema.ts';
import { read } from './route.ts';

const why = z.enum(['no_class', 'other', 'unusable', 'conflicting']);

const setAsideSchema = z
  .object({
    id: z.string(),
    source: z.string(),
    source_event_id: z.string(),
    why,
    reason: z.string().nullable(),
    event: z.string().nullable().meta({ description: "The provider's name of the event" }),
    room_name: z.string().nullable(),
    class_id: z.string().nullable(),
    raw: z.string().meta({ description: 'The delivery as it came; what is not text, in Base64' }),
    received_at: shownInstant,
  })
  .meta({ id: 'SetAside' });

export const setAsideRoute = read({
  path: '/api/set-aside',
  operationId: 'listSetAside',
  tag: 'evidence',
  summary: 'Signed deliveries that are not evidence of a class, and why',
  description:
    'no_class: the room belongs to no class yet; it becomes evidence when one is scheduled with that room. other: it says nothing about presence. unusable: it cannot be read, reason says why. conflicting: its id is stored with other content, which stays.',
  roles: ['admin', 'operator'],
  query: z.strictObject({ ...page, why: why.optional() }),
  answers: { 200: { description: 'A page of deliveries', schema: listOf(setAsideSchema) } },
  async handle(tx, { tenantId, query }) {
    const after = readCursor('set-aside', z.tuple([cursorId]), query.cursor);
    const afterId = after === null ? null : BigInt(after[0]);
    const rows = await listSetAside(tx, tenantId, { why: query.why, afterId, limit: query.limit + 1 });
    return pageOf(
      rows,
      query.limit,
      ({ id, receivedAt, ...row }) => ({
        id: id.toString(),
        source: row.source,
        source_event_id: row.sourceEventId,
        why: row.why,
        reason: row.reason,
        event: row.event,
        room_name: row.roomName,
        class_id: row.classId,
        raw: row.raw,
        received_at: iso(receivedAt),
      }),
      ({ id }) => writeCursor('set-aside', [id.toString()]),
    );
  },
});
