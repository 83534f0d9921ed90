/** LiveKit classes for tests, and what is on record about them. */
import { randomUUID } from 'node:crypto';
import { asc, eq } from 'drizzle-orm';
import { viewClass } from '../db/classes.ts';
import { type ClassRef, type Database, inTenant } from '../db/client.ts';
import type { ClassRequest } from '../db/schedule-class.ts';
import { sweeps } from '../db/schema.ts';
import { joinIdentity } from '../livekit/identity-form.ts';
import { storeClass } from './test-class.ts';

export interface LiveKitClass {
  ref: ClassRef;
  room: string;
  startMs: number;
  endMs: number;
  /** The identities that their join tokens carry. */
  teacher: string;
  student: string;
}

/** A class of forty minutes in a room of its own, unless told otherwise. */
export async function storeLiveKitClass(
  db: Database,
  given: Partial<ClassRequest> & { startMs: number; tenantId?: string },
): Promise<LiveKitClass> {
  const classId = randomUUID();
  const room = `room-${classId}`;
  const endMs = given.endMs ?? given.startMs + 40 * 60_000;
  const ref = await storeClass(db, { classId, provider: 'livekit', roomName: room, endMs, ...given });
  const { roster } = await inTenant(db, ref.tenantId, (tx) => viewClass(tx, ref));
  const identityOf = (role: string): string =>
    joinIdentity(roster.find((one) => one.role === role)?.personId ?? '', 'laptop');
  return {
    ref,
    room,
    startMs: given.startMs,
    endMs,
    teacher: identityOf('teacher'),
    student: identityOf('student'),
  };
}

export async function sweepsOf(db: Database, ref: ClassRef): Promise<(typeof sweeps.$inferSelect)[]> {
  return await inTenant(db, ref.tenantId, (tx) =>
    tx.select().from(sweeps).where(eq(sweeps.classId, ref.classId)).orderBy(asc(sweeps.at)),
  );
}
