/** Classes for tests of the workflow, stored as the API stores them. */
import { randomUUID } from 'node:crypto';
import { type ClassRef, type Database, inTenant } from '../db/client.ts';
import { type ClassRow, readClass } from '../db/plans.ts';
import { type ClassRequest, scheduleClass } from '../db/schedule-class.ts';
import { ensureTenant } from '../db/tenants.ts';

export const TEACHER = 'teacher@school.example';
export const STUDENT = 'student@school.example';

/** Stores a class of forty minutes, unless told otherwise, and answers its name. */
export async function storeClass(
  db: Database,
  given: Partial<ClassRequest> & { startMs: number; tenantId?: string },
): Promise<ClassRef> {
  const { tenantId = 'school', ...request } = given;
  const classId = request.classId ?? randomUUID();
  await inTenant(db, tenantId, async (tx) => {
    await ensureTenant(tx, tenantId);
    await scheduleClass(tx, tenantId, {
      classId,
      externalId: null,
      subject: 'Algebra',
      endMs: given.startMs + 40 * 60_000,
      sessionType: 'academic',
      provider: 'meet',
      meetingCode: null,
      roomName: null,
      policy: 'itqan',
      timeZone: 'UTC',
      policyDate: new Date(given.startMs).toISOString().slice(0, 10),
      openLeadSeconds: 60,
      pollSeconds: 180,
      verifySeconds: 120,
      graceSeconds: 300,
      scheduledAtMs: Date.now(),
      teacherEmail: TEACHER,
      studentEmails: [STUDENT],
      asked: { fields: {}, defaulted: [] },
      ...request,
    });
  });
  return { tenantId, classId };
}

export async function classRow(db: Database, ref: ClassRef): Promise<ClassRow> {
  return (await inTenant(db, ref.tenantId, (tx) => readClass(tx, ref))).row;
}
