import { and, eq } from 'drizzle-orm';
import type { ClassRef, Tx } from './client.ts';
import { meetingUriOf } from './meeting-uri.ts';
import { sessions } from './schema.ts';

/** The class meets elsewhere: nothing of the old place is left, and a new space is asked for where one is needed. */
export async function moveSession(
  tx: Tx,
  ref: ClassRef,
  { meetingCode, roomName }: { meetingCode: string | null; roomName: string | null },
): Promise<void> {
  await tx
    .update(sessions)
    .set({
      spaceName: null,
      organizerPersonId: null,
      meetingCode,
      meetingUri: meetingUriOf(meetingCode),
      roomName,
    })
    .where(and(eq(sessions.tenantId, ref.tenantId), eq(sessions.classId, ref.classId)));
}
