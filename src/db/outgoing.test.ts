import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { endSession } from '../../activities/end-session.ts';
import { openSession } from '../../activities/open-session.ts';
import { reconcile } from '../../activities/reconcile.ts';
import { startTestActivities, type TestActivities } from '../../activities/test-activities.ts';
import {
  deliveryRows,
  type EndpointRow,
  endpointRow,
  messageRows,
  storeDelivery,
  storeEndpoint,
} from '../outgoing/test-receiver.ts';
import { STUDENT, storeClass, TEACHER } from '../temporal/test-class.ts';
import { calculateClass } from './calculations.ts';
import { type ClassRef, inTenant } from './client.ts';
import { appendMarks } from './marks.ts';
import { announce } from './outgoing.ts';
import { announceAttendance } from './outgoing-attendance.ts';
import { findPeopleById } from './people.ts';
import { classRoster, webhookEndpoints } from './schema.ts';

const START_MS = Date.parse('2026-09-07T09:00:00.000Z');
const END_MS = START_MS + 40 * 60_000;

let activities: TestActivities;
let schools = 0;
/** A school of its own for every test. */
let tenantId: string;
let ref: ClassRef;
beforeAll(async () => {
  activities = await startTestActivities(START_MS);
});
afterAll(() => activities.drop());
beforeEach(async () => {
  tenantId = `school-${++schools}`;
  activities.clock.nowMs = START_MS;
  // Whose evidence comes by itself, so that no provider is asked.
  ref = await storeClass(activities.db, {
    tenantId,
    startMs: START_MS,
    provider: 'whiteboard',
    externalId: 'lesson-1',
  });
});

const endpoint = (given: Partial<EndpointRow> = {}) =>
  storeEndpoint(activities.db, { tenantId, url: 'https://receiver.example/', ...given });
// biome-ignore lint/suspicious/noExplicitAny: the payload is checked by each test
const payloads = async (): Promise<any[]> =>
  (await messageRows(activities.db, tenantId)).map(({ payload }) => payload);
const told = async (): Promise<string[]> =>
  (await messageRows(activities.db, tenantId)).map(({ event }) => event);
const opened = (change = {}) =>
  inTenant(activities.db, tenantId, (tx) => announce(tx, ref, 'class.opened', change));

test('a message says what happened to which class, and when', async () => {
  await endpoint();
  const before = Date.now();
  await inTenant(activities.db, tenantId, (tx) => announce(tx, ref, 'alert.raised', { alert: { id: '7' } }));
  const [message] = await payloads();
  expect(message).toEqual({
    type: 'alert.raised',
    timestamp: expect.any(String),
    data: {
      class_id: ref.classId,
      external_id: 'lesson-1',
      subject: 'Algebra',
      start_time: '2026-09-07T09:00:00.000Z',
      end_time: '2026-09-07T09:40:00.000Z',
      status: 'scheduled',
      alert: { id: '7' },
    },
  });
  expect(Date.parse(message.timestamp)).toBeGreaterThanOrEqual(before);
});

describe('who is told', () => {
  test('every endpoint that subscribed to the event, and no other', async () => {
    const one = await endpoint({ events: ['class.opened', 'class.ended'] });
    const two = await endpoint({ events: ['class.opened'] });
    await endpoint({ events: ['class.ended'] });
    await opened();
    expect(await messageRows(activities.db, tenantId)).toHaveLength(1);
    const rows = await deliveryRows(activities.db, tenantId);
    expect(rows.map(({ endpointId }) => endpointId).toSorted()).toEqual([one.id, two.id].toSorted());
    expect(rows.map(({ status }) => status)).toEqual(['pending', 'pending']);
    expect(new Set(rows.map(({ messageId }) => messageId)).size).toBe(1);
  });

  test('nobody, and nothing is stored, where no endpoint wants it', async () => {
    await endpoint({ events: ['class.ended'] });
    await opened();
    expect(await payloads()).toEqual([]);
  });

  test('no disabled endpoint, which keeps its notice; the message is kept for its replay', async () => {
    const disabled = await endpoint({ disabledAt: new Date(START_MS), disabledReason: 'gone' });
    await opened();
    expect(await payloads()).toMatchObject([{ type: 'class.opened' }]);
    expect(await deliveryRows(activities.db, tenantId)).toEqual([]);
    expect(await endpointRow(activities.db, disabled)).toMatchObject({ disabledReason: 'gone' });
  });

  test('no endpoint of another school', async () => {
    const other = await storeEndpoint(activities.db, {
      tenantId: 'elsewhere',
      url: 'https://other.example/',
    });
    await opened();
    expect(await payloads()).toEqual([]);
    expect(await deliveryRows(activities.db, 'elsewhere')).toEqual([]);
    // PostgreSQL itself hides them, whatever a statement asks for.
    const seen = await inTenant(activities.db, tenantId, (tx) => tx.select().from(webhookEndpoints));
    expect(seen).toEqual([]);
    await expect(storeDelivery(activities.db, ref, other)).rejects.toThrow();
  });
});

test('a change that is rolled back leaves neither message nor delivery', async () => {
  await endpoint();
  const failing = inTenant(activities.db, tenantId, async (tx) => {
    await announce(tx, ref, 'class.opened', {});
    throw new Error('the change failed');
  });
  await expect(failing).rejects.toThrow('the change failed');
  expect(await payloads()).toEqual([]);
  expect(await deliveryRows(activities.db, tenantId)).toEqual([]);
});

describe('each change is announced once', () => {
  test('a class that is opened, however often its activity runs', async () => {
    await endpoint();
    await activities.run(openSession, [ref]);
    await activities.run(openSession, [ref]);
    expect(await payloads()).toMatchObject([{ type: 'class.opened', data: { status: 'open' } }]);
  });

  test('no class that is not due yet', async () => {
    await endpoint();
    activities.clock.nowMs = START_MS - 24 * 3_600_000;
    await activities.run(openSession, [ref]);
    expect(await told()).toEqual([]);
  });

  test('a class that ends, and none that goes on', async () => {
    await endpoint({ events: ['class.ended'] });
    await activities.run(openSession, [ref]);
    const end = (atMs: number) => activities.run(endSession, [ref, { roomsClosed: false, atMs }]);
    await end(START_MS + 60_000);
    expect(await told()).toEqual([]);
    await end(END_MS);
    await end(END_MS);
    expect(await payloads()).toMatchObject([{ type: 'class.ended', data: { status: 'ended' } }]);
  });

  test('a class that is settled, when it is, and every new version of its attendance', async () => {
    await endpoint();
    activities.clock.nowMs = END_MS + 600_000;
    const attempt = (n: number, nextMs: number | null) =>
      activities.run(reconcile, [ref, { attempt: n, nextMs }]);
    const nextMs = END_MS + 1_200_000;
    expect((await attempt(1, nextMs)).status).toBe('reconciling');
    expect(await told()).toEqual(['attendance.changed']);
    // Nothing new is known.
    await attempt(2, nextMs);
    expect(await told()).toEqual(['attendance.changed']);
    expect((await attempt(3, null)).status).toBe('incomplete');
    await attempt(3, null);
    expect(await told()).toEqual(['attendance.changed', 'class.settled']);
    const settled = (await payloads()).at(-1);
    expect(settled.data).toMatchObject({ status: 'incomplete', missing: expect.any(Array) });
    expect(settled.data.missing).not.toEqual([]);
  });
});

describe('attendance that changed', () => {
  test('tells of everybody what holds by the latest version, marks before calculations', async () => {
    await endpoint();
    const version = await inTenant(activities.db, tenantId, async (tx) => {
      await mark(STUDENT, 'present');
      return (await calculateClass(tx, ref)).version;
    });
    const [message] = await payloads();
    expect(message.data.version).toBe(version);
    expect(message.data.records).toHaveLength(2);
    expect(message.data.records).toEqual(
      expect.arrayContaining([
        {
          person_id: expect.any(String),
          email: STUDENT,
          role: 'student',
          status: 'present',
          source: 'manual',
          is_final: false,
          duration_minutes: 0,
          attendance_percentage: 0,
        },
        expect.objectContaining({ email: TEACHER, role: 'teacher', status: 'unknown', source: 'calculated' }),
      ]),
    );
  });

  test('before the first calculation tells of the roster, pending but for the marks', async () => {
    await endpoint();
    await mark(TEACHER, 'absent');
    await inTenant(activities.db, tenantId, (tx) => announceAttendance(tx, ref));
    const [message] = await payloads();
    expect(message.data.version).toBeNull();
    expect(message.data.records).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ email: TEACHER, status: 'absent', source: 'manual', is_final: false }),
        expect.objectContaining({
          email: STUDENT,
          status: 'pending',
          source: 'system_default',
          duration_minutes: null,
        }),
      ]),
    );
  });

  async function mark(email: string, status: 'present' | 'absent'): Promise<void> {
    await inTenant(activities.db, tenantId, async (tx) => {
      const roster = await tx.select().from(classRoster);
      const known = await findPeopleById(
        tx,
        tenantId,
        roster.map(({ personId }) => personId),
      );
      const person = [...known.values()].find((one) => one.email === email);
      if (!person) throw new Error(`${email} is not on the roster`);
      const replaced = { status: 'pending', source: 'system_default', notes: null } as const;
      const given = { personId: person.id, status, source: 'manual', notes: null, replaced } as const;
      await appendMarks(tx, ref, [given], { markedBy: 'admin@school.example', atMs: START_MS });
    });
  }
});
