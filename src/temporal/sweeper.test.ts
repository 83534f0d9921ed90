import { and, eq, sql } from 'drizzle-orm';
import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ClassRef, inTenant } from '../db/client.ts';
import { classes, webhookDeliveries } from '../db/schema.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { deliveryRows, storeDelivery, storeEndpoint } from '../outgoing/test-receiver.ts';
import type { ClassWorkflows } from './class-workflows.ts';
import { forgetOldMessages, ringLate, startDeliveries, sweep } from './sweeper.ts';
import { classRow, storeClass } from './test-class.ts';

const START = Date.parse('2030-01-07T09:00:00.000Z');
const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);
const AGO = inSeconds(-60);

let database: TestDatabase;
let calls: string[];
/** Class ids whose workflow runs; `null`: Temporal is away. */
let running: Set<string> | null;
/** Temporal refuses this one. */
let cursed: string | null = null;

const workflows: ClassWorkflows = {
  async start({ classId }) {
    if (running === null) throw new Error('Temporal is away');
    if (classId === cursed) throw new Error('refused');
    const known = running.has(classId);
    running.add(classId);
    calls.push(`start ${classId}`);
    return known ? 'already_started' : 'started';
  },
  async ring({ classId }, bell) {
    if (running === null) throw new Error('Temporal is away');
    if (classId === cursed) throw new Error('refused');
    calls.push(`${bell} ${classId}`);
    return true;
  },
  fetchNow: () => Promise.reject(new Error('not here')),
  async startDelivery(tenantId, deliveryId) {
    if (running === null) throw new Error('Temporal is away');
    if (deliveryId === cursed) throw new Error('refused');
    calls.push(`deliver ${tenantId}/${deliveryId}`);
    return 'started';
  },
  isReachable: async () => true,
  close: async () => {},
};
const look = () => sweep({ db: database.db, workflows, log: pino({ level: 'silent' }) });
const ringForLate = () => ringLate({ db: database.db, workflows, log: pino({ level: 'silent' }) });
const update = (ref: ClassRef, values: Partial<typeof classes.$inferInsert>) =>
  inTenant(database.db, ref.tenantId, (tx) =>
    tx
      .update(classes)
      .set(values)
      .where(and(eq(classes.tenantId, ref.tenantId), eq(classes.id, ref.classId))),
  );

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  calls = [];
  running = new Set();
});

/** A class that the sweeper has brought up, so that nothing is left to do for it. */
async function settledIn(tenantId = 'school'): Promise<ClassRef> {
  const ref = await storeClass(database.db, { startMs: START, tenantId });
  await look();
  calls = [];
  return ref;
}

test('a class whose workflow was never started gets it, in whatever school, and is left alone then', async () => {
  const one = await storeClass(database.db, { startMs: START });
  const other = await storeClass(database.db, { startMs: START, tenantId: 'academy' });
  expect(await look()).toBe(2);
  expect(calls.toSorted()).toEqual([`start ${one.classId}`, `start ${other.classId}`].toSorted());
  expect(await look()).toBe(0);
});

test('a class that settles after it was found gets no second workflow', async () => {
  const found = [
    await storeClass(database.db, { startMs: START }),
    await storeClass(database.db, { startMs: START }),
  ];
  const { start } = workflows;
  // As the one is started the other settles.
  vi.spyOn(workflows, 'start').mockImplementationOnce(async (ref, startMs) => {
    const other = found.find(({ classId }) => classId !== ref.classId);
    if (other) await update(other, { settledAt: new Date() });
    return await start(ref, startMs);
  });
  expect(await look()).toBe(2);
  expect(calls).toHaveLength(1);
});

test('while Temporal is away nothing is marked as done', async () => {
  const ref = await storeClass(database.db, { startMs: START });
  running = null;
  await expect(look()).rejects.toThrow('Temporal is away');
  expect((await classRow(database.db, ref)).workflowStartedAt).toBeNull();
  running = new Set();
  expect(await look()).toBe(1);
});

test('a plan that the workflow was not told about is rung', async () => {
  const ref = await settledIn();
  running = new Set([ref.classId]);
  await update(ref, { planVersion: 3 });
  await look();
  expect(calls).toEqual([`start ${ref.classId}`, `plan ${ref.classId}`]);
  expect((await classRow(database.db, ref)).planRungVersion).toBe(3);
  expect(await look()).toBe(0);
});

test.each(['ended', 'reconciling'] as const)(
  'a class that is %s hears of the evidence that was stored while Temporal was away',
  async (status) => {
    const ref = await settledIn();
    running = new Set([ref.classId]);
    await update(ref, { status, planVersion: 2 });
    await look();
    expect(calls).toEqual([`start ${ref.classId}`, `plan ${ref.classId}`, `evidence ${ref.classId}`]);
    expect(await look()).toBe(0);
  },
);

test('a workflow that is long past what it meant to do is looked after, and started again if it is gone', async () => {
  const ref = await settledIn();
  await update(ref, { workflowDueAt: AGO, workflowStartedAt: AGO });
  running = new Set();
  await look();
  expect(calls).toEqual([`start ${ref.classId}`]);
  expect(await look()).toBe(0);
});

test('a workflow that is not due yet is left alone, however long ago it was started', async () => {
  const ref = await settledIn();
  await update(ref, { workflowDueAt: new Date(START), workflowStartedAt: AGO });
  expect(await look()).toBe(0);
});

test('a workflow that Temporal lost is started again before the class is opened', async () => {
  const ref = await settledIn();
  await update(ref, { workflowDueAt: inSeconds(110), workflowStartedAt: inSeconds(-601) });
  await look();
  expect(calls).toEqual([`start ${ref.classId}`]);
  expect((await classRow(database.db, ref)).workflowStartedAt?.getTime()).toBeGreaterThan(
    Date.now() - 60_000,
  );
});

test.each<[string, Partial<typeof classes.$inferInsert>]>([
  ['is due later', { workflowDueAt: inSeconds(150), workflowStartedAt: inSeconds(-601) }],
  ['was started lately', { workflowDueAt: inSeconds(60), workflowStartedAt: inSeconds(-570) }],
  ['is open', { status: 'open', workflowDueAt: inSeconds(60), workflowStartedAt: inSeconds(-601) }],
])('ahead of its time nobody asks after the workflow of a class that %s', async (_title, values) => {
  const ref = await settledIn();
  await update(ref, values);
  expect(await look()).toBe(0);
});

test('a workflow that runs is asked after once before its class is opened', async () => {
  const ref = await settledIn();
  running = new Set([ref.classId]);
  await update(ref, { workflowDueAt: inSeconds(60), workflowStartedAt: inSeconds(-601) });
  expect(await look()).toBe(1);
  expect(await look()).toBe(0);
  expect(calls).toEqual([`start ${ref.classId}`]);
});

test('a workflow that was lost before it could say when it is due is looked for from the start on', async () => {
  const ref = await storeClass(database.db, { startMs: Date.now() - 60_000 });
  await update(ref, { workflowStartedAt: inSeconds(-30) });
  await look();
  expect(calls).toEqual([`start ${ref.classId}`]);
});

test('a settled class is left alone', async () => {
  const ref = await settledIn();
  await update(ref, { workflowDueAt: AGO, workflowStartedAt: AGO, planVersion: 9, settledAt: AGO });
  expect(await look()).toBe(0);
});

test('a workflow that is only late is not rung', async () => {
  const ref = await settledIn();
  await update(ref, { workflowDueAt: AGO, workflowStartedAt: AGO });
  running = new Set([ref.classId]);
  await look();
  expect(calls).toEqual([`start ${ref.classId}`]);
});

test('a class that cannot be helped does not keep the others waiting', async () => {
  const bad = await storeClass(database.db, { startMs: START });
  const good = await storeClass(database.db, { startMs: START + 1 });
  cursed = bad.classId;
  await look();
  cursed = null;
  expect(calls).toEqual([`start ${good.classId}`]);
});

describe('evidence for which nobody rang', () => {
  const unrung = async (tenantId = 'school'): Promise<ClassRef> => {
    const ref = await settledIn(tenantId);
    await update(ref, { status: 'reconciling', evidencePending: true });
    return ref;
  };
  const calculated = (ref: ClassRef) => update(ref, { evidencePending: false });

  test('rings its class, in whatever school, once a minute until it is calculated', async () => {
    const one = await unrung();
    const other = await unrung('academy');
    await ringForLate();
    expect(calls.toSorted()).toEqual([`evidence ${one.classId}`, `evidence ${other.classId}`].toSorted());
    expect(await ringForLate()).toBe(0);
    await update(one, { lastRungAt: inSeconds(-61) });
    await ringForLate();
    expect(calls.slice(2)).toEqual([`evidence ${one.classId}`]);
    await Promise.all([one, other].map((ref) => update(ref, { evidencePending: false, lastRungAt: null })));
    expect(await ringForLate()).toBe(0);
  });

  test('rings once when several servers look at the same time', async () => {
    const ref = await unrung();
    await Promise.all([ringForLate(), ringForLate(), ringForLate()]);
    expect(calls).toEqual([`evidence ${ref.classId}`]);
    await calculated(ref);
  });

  test('rings in the next minute when Temporal is away, and for one that it refuses the others do not wait', async () => {
    const ref = await unrung();
    running = null;
    await expect(ringForLate()).rejects.toThrow('Temporal is away');
    running = new Set();
    await update(ref, { lastRungAt: inSeconds(-61) });
    const good = await unrung();
    cursed = ref.classId;
    await ringForLate();
    cursed = null;
    expect(calls).toEqual([`evidence ${good.classId}`]);
  });
});

describe('a message to another system', () => {
  const deliver = () => startDeliveries({ db: database.db, workflows, log: pino({ level: 'silent' }) });
  const store = async (tenantId = 'school') => {
    const ref = await settledIn(tenantId);
    const endpoint = await storeEndpoint(database.db, { tenantId, url: 'https://receiver.example/' });
    return await storeDelivery(database.db, ref, endpoint);
  };
  const startedAt = async (id: string, tenantId?: string) =>
    (await deliveryRows(database.db, tenantId)).find((row) => row.id === id)?.startedAt;

  test('is begun to be delivered, in whatever school, once', async () => {
    const one = await store();
    const other = await store('academy');
    expect(await deliver()).toBe(2);
    expect(calls.toSorted()).toEqual([`deliver academy/${other.id}`, `deliver school/${one.id}`]);
    expect(await startedAt(one.id)).toBeInstanceOf(Date);
    expect(await startedAt(other.id, 'academy')).toBeInstanceOf(Date);
    expect(await deliver()).toBe(0);
  });

  test('is begun again when nothing was heard of it for longer than it ever waits', async () => {
    const one = await store();
    await deliver();
    const heard = (hours: number) =>
      inTenant(database.db, 'school', (tx) =>
        tx
          .update(webhookDeliveries)
          .set({ startedAt: inSeconds(-hours * 3_600) })
          .where(eq(webhookDeliveries.id, one.id)),
      );
    await heard(4.9);
    expect(await deliver()).toBe(0);
    await heard(5.1);
    expect(await deliver()).toBe(1);
    expect((await startedAt(one.id))?.getTime()).toBeGreaterThan(AGO.getTime());
  });

  test('of a school with many waits no longer than those of the others', async () => {
    const many = await store();
    const ref = await settledIn('school');
    const endpoint = await storeEndpoint(database.db, { url: 'https://receiver.example/' });
    for (let n = 0; n < 20; n++) await storeDelivery(database.db, ref, endpoint);
    const other = await store('academy');
    const found = await database.db.orm.execute<{ id: string }>(
      sql`select id from rollcall_neglected_deliveries(2)`,
    );
    expect(found.map(({ id }) => id)).toEqual([many.id, other.id]);
    expect(await deliver()).toBe(22);
  });

  test('is kept for thirty days, and longer while it is delivered', async () => {
    const [young, old, pending] = [await store(), await store(), await store()];
    const owner = postgres(database.ownerUrl, { max: 1 });
    await owner`set session_replication_role = replica`;
    const ago = (days: number) => inSeconds(-days * 86_400).toISOString();
    await owner`update webhook_messages set created_at = ${ago(29)} where id = ${young.messageId}`;
    await owner`update webhook_messages set created_at = ${ago(31)} where id in ${owner([old.messageId, pending.messageId])}`;
    await owner`update webhook_deliveries set status = 'delivered' where id in ${owner([young.id, old.id])}`;
    await owner.end();
    expect(await forgetOldMessages({ db: database.db })).toBe(1);
    const left = (await deliveryRows(database.db)).map(({ id }) => id);
    expect(left).toEqual(expect.arrayContaining([young.id, pending.id]));
    expect(left).not.toContain(old.id);
    expect(await forgetOldMessages({ db: database.db })).toBe(0);
    const early = inTenant(database.db, 'school', (tx) =>
      tx.execute(sql`delete from webhook_messages where id = ${young.messageId}`),
    );
    await expect(early).rejects.toThrow();
    await deliver();
  });

  test('waits while Temporal is away', async () => {
    const one = await store();
    running = null;
    await expect(deliver()).rejects.toThrow('Temporal is away');
    expect(await startedAt(one.id)).toBeNull();
    running = new Set();
    expect(await deliver()).toBe(1);
    expect(calls).toEqual([`deliver school/${one.id}`]);
  });

  test('that cannot be begun does not keep the others waiting', async () => {
    const bad = await store();
    const good = await store();
    cursed = bad.id;
    await deliver();
    cursed = null;
    expect(calls).toEqual([`deliver school/${good.id}`]);
    expect(await deliver()).toBe(1);
  });
});
