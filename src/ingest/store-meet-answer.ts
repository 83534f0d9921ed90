import type { ClassRef, Tx } from '../db/client.ts';
import { sweeps } from '../db/schema.ts';
import type { AllAnswer, PresentAnswer } from '../meet/answer.ts';
import { appendEvents, type NewEvent } from './append-events.ts';

/** Stores one answer of Meet whole, as a sweep, and as events what it says for the first time. */
export async function storeMeetAnswer(
  tx: Tx,
  ref: ClassRef,
  answer: PresentAnswer | AllAnswer,
): Promise<void> {
  await tx
    .insert(sweeps)
    .values({
      tenantId: ref.tenantId,
      classId: ref.classId,
      source: 'meet',
      at: new Date(answer.atMs),
      ok: true,
      scope: answer.scope,
      rooms: answer.rooms,
      connections: answer.connections,
    })
    .onConflictDoNothing();
  await appendEvents(tx, ref.tenantId, eventsOf(ref, answer));
}

/**
 * Google's resource names make natural keys: a session joins once and, once it has ended, leaves once. The class is part
 * of the key because somebody who stays on in one space is evidence for two classes.
 */
function eventsOf({ classId }: ClassRef, answer: PresentAnswer | AllAnswer): NewEvent[] {
  const source = 'meet';
  const seen = answer.scope === 'present' ? [...answer.connections, ...answer.left] : answer.connections;
  const events: NewEvent[] = [];
  const id = (name: string, what: string): string => `${classId}/${name}/${what}`;
  for (const { room, startMs, endMs } of answer.rooms) {
    events.push({
      classId,
      source,
      sourceEventId: id(room, 'opened'),
      kind: 'room_opened',
      atMs: startMs,
      room,
    });
    if (endMs !== null) {
      events.push({
        classId,
        source,
        sourceEventId: id(room, 'closed'),
        kind: 'room_closed',
        atMs: endMs,
        room,
      });
    }
  }
  for (const { connection, room, identity, startMs, endMs } of seen) {
    const who = { classId, source, connection, room, identity };
    events.push({ ...who, sourceEventId: id(connection, 'joined'), kind: 'joined', atMs: startMs });
    if (endMs !== null) {
      events.push({
        ...who,
        sourceEventId: id(connection, 'left'),
        kind: 'left',
        atMs: endMs,
        joinedAtMs: startMs,
      });
    }
  }
  return events;
}
