import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ClassRef, inTenant } from '../src/db/client.ts';
import { classIdentities, identities } from '../src/db/schema.ts';
import { E, HALF_PAST, S, useSimulatedGoogle } from '../src/meet/simulated-google.ts';
import { classRow, STUDENT, storeClass } from '../src/temporal/test-class.ts';
import { captureFromMeet } from './capture-from-meet.ts';
import { startTestActivities, type TestActivities } from './test-activities.ts';

const DAY = 24 * 3_600_000;
const google = useSimulatedGoogle();
let activities: TestActivities;
let ref: ClassRef;
beforeAll(async () => {
  activities = await startTestActivities(HALF_PAST);
});
afterAll(() => activities.drop());
beforeEach(async () => {
  activities.clock.nowMs = HALF_PAST;
  const { control, space } = google();
  const sessions = [{ start: S }];
  await control.addConference({
    space: space.spaceName,
    start: S,
    participants: [
      { kind: 'signed_in', email: STUDENT, sessions },
      { kind: 'signed_in', user_id: '999', display_name: 'A guest', sessions },
    ],
  });
  ref = await storeClass(activities.db, {
    startMs: S,
    endMs: E,
    meetingCode: space.meetingCode,
    // A school of its own: who was looked up for one test is known in its next class.
    tenantId: `school-${space.meetingCode}`,
  });
});

const capture = () => captureFromMeet({ ...activities.deps, meet: google().adapter }, ref, 'all');
const problem = async () => (await classRow(activities.db, ref)).captureProblem;
/** Everybody who was met, as e-mail or `unknown`, and how they stand in the class. */
const met = async (): Promise<string[]> => {
  const rows = await inTenant(activities.db, ref.tenantId, (tx) =>
    tx
      .select({ email: identities.email, state: classIdentities.state })
      .from(classIdentities)
      .innerJoin(identities, eq(identities.id, classIdentities.identityId))
      .where(eq(classIdentities.classId, ref.classId)),
  );
  return rows.map(({ email, state }) => `${email ?? 'unknown'} ${state}`).sort();
};
const NOBODY_KNOWN = ['unknown unmatched', 'unknown unmatched'];
const STUDENT_KNOWN = [`${STUDENT} matched`, 'unknown unmatched'];

test('while the directory is shut its cure is on the class, and the fetch after the cure matches everybody', async () => {
  const { control } = google();
  await control.plantFault({ match: 'GET /admin/directory', status: 403, reason: 'forbidden' });
  expect(await capture()).toMatchObject({ ok: true, problem: { code: 'forbidden' } });
  expect(await met()).toEqual(NOBODY_KNOWN);
  expect(await problem()).toMatchObject({
    code: 'forbidden',
    message: expect.stringContaining('turn on contact sharing in the Admin console'),
  });
  await control.clearFaults();
  expect(await capture()).toMatchObject({ ok: true, problem: null });
  expect(await met()).toEqual(STUDENT_KNOWN);
  expect(await problem()).toBeNull();
});

test.each([403, 404])(
  'one for whom alone the directory says %i is asked about again a day later',
  async (status) => {
    const { control, callsTo } = google();
    await control.plantFault({ match: 'GET /admin/directory/v1/users/[0-9]', status, reason: 'forbidden' });
    expect(await capture()).toMatchObject({ ok: true, problem: null });
    expect(await met()).toEqual(NOBODY_KNOWN);
    await control.clearFaults();
    const asked = () => callsTo('GET /admin/directory/v1/users/{id}');
    const before = await asked();
    await capture();
    expect(await asked()).toBe(before);
    activities.clock.nowMs += DAY + 1;
    await capture();
    expect(await met()).toEqual(STUDENT_KNOWN);
  },
);
