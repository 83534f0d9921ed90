import { and, eq, isNotNull } from 'drizzle-orm';
import type { ClassDetails } from './class-details.ts';
import { type AskedFor, type Difference, differencesOf } from './class-request.ts';
import { type ClassView, viewClass } from './classes.ts';
import type { ClassRef, Tx } from './client.ts';
import { meetingUriOf } from './meeting-uri.ts';
import { writeRoster } from './rosters.ts';
import { classes, sessions } from './schema.ts';

/** A class as it was asked for, with what the request left out filled in. */
export interface ClassRequest extends ClassDetails {
  classId: string;
  externalId: string | null;
  roomName: string | null;
  /** The day of the start in the tenant's zone, `YYYY-MM-DD`. */
  policyDate: string;
  scheduledAtMs: number;
  /** Under the names of the API, to be compared with a later request of the same `external_id`. */
  asked: AskedFor;
}

export type Scheduled =
  | { kind: 'created'; view: ClassView }
  | { kind: 'same'; view: ClassView }
  | { kind: 'different'; classId: string; differences: Difference[] };

/** The class that an `external_id` already stands for, compared with what is asked for now; null when there is none. */
export async function findScheduled(
  tx: Tx,
  tenantId: string,
  externalId: string,
  asked: AskedFor,
): Promise<Scheduled | null> {
  const [found] = await tx
    .select({ id: classes.id, request: classes.request })
    .from(classes)
    .where(and(eq(classes.tenantId, tenantId), eq(classes.externalId, externalId)));
  if (!found) return null;
  const differences = differencesOf(found.request, asked);
  if (differences.length > 0) return { kind: 'different', classId: found.id, differences };
  return { kind: 'same', view: await viewClass(tx, { tenantId, classId: found.id }) };
}

/**
 * Stores a class, its session and its roster. Of several that come at once with one `external_id`, the first makes the
 * class and the others wait for it and are compared with it.
 */
export async function scheduleClass(tx: Tx, tenantId: string, request: ClassRequest): Promise<Scheduled> {
  const { classId, externalId, meetingCode, roomName, asked } = request;
  const ref: ClassRef = { tenantId, classId };
  const inserted = await tx
    .insert(classes)
    .values({
      tenantId,
      id: classId,
      externalId,
      request: asked,
      subject: request.subject,
      sessionType: request.sessionType,
      provider: request.provider,
      policy: request.policy,
      timeZone: request.timeZone,
      policyDate: request.policyDate,
      startAt: new Date(request.startMs),
      endAt: new Date(request.endMs),
      openLeadSeconds: request.openLeadSeconds,
      pollSeconds: request.pollSeconds,
      verifySeconds: request.verifySeconds,
      graceSeconds: request.graceSeconds,
      meetingCode,
      scheduledAt: new Date(request.scheduledAtMs),
    })
    .onConflictDoNothing({
      target: [classes.tenantId, classes.externalId],
      where: isNotNull(classes.externalId),
    })
    .returning({ id: classes.id });
  if (inserted.length === 0 && externalId !== null) {
    const first = await findScheduled(tx, tenantId, externalId, asked);
    if (first) return first;
    throw new Error(`class with external_id ${externalId} is neither new nor there`);
  }
  await tx.insert(sessions).values({
    tenantId,
    classId,
    meetingCode,
    meetingUri: meetingUriOf(meetingCode),
    roomName,
  });
  await writeRoster(tx, ref, request);
  return { kind: 'created', view: await viewClass(tx, ref) };
}
