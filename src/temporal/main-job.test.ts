import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createActivities } from '../../activities/index.ts';
import { readCalculation } from '../db/calculations.ts';
import { inTenant } from '../db/client.ts';
import { readClass } from '../db/plans.ts';
import { classes, classRoster, people, sessions, tenants } from '../db/schema.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { createMeetAdapter } from '../meet/adapter.ts';
import { createLog } from '../log.ts';
import { startMeetSimulator } from '../simulators/meet-server.ts';
import { createClassWorkflows } from './class-workflows.ts';
import { createWorkers } from './workers.ts';

let t: TestDatabase;
beforeAll(async () => { t = await createTestDatabase(); });
afterAll(async () => { await t.drop(); });

test('smoke: main job', async () => {
  const sim = await startMeetSimulator({ autoProvision: true });
  const meet = createMeetAdapter({ serviceAccountKey: sim.serviceAccountKey, rootUrl: sim.url });
  const address = inject('temporalAddress');
  const connection = await NativeConnection.connect({ address });
  const workers = await createWorkers({ connection, namespace: 'default', activities: createActivities({ db: t.db, meet, retry: { firstMs: 2000, forMs: 60000 }, now: Date.now, log: createLog('t', 'info'), presentMemory: new Map() }) });
  const runs = workers.map((w) => w.run());
  const workflows = createClassWorkflows({ address, namespace: 'default' });
  const start = Date.now() + 4000;
  const ref = await inTenant(t.db, 'school', async (tx) => {
    await tx.insert(tenants).values({ tenantId: 'school', name: 'School' });
    const [teacher, student] = await tx.insert(people).values([{ tenantId: 'school', email: 't@school.example', name: 't' }, { tenantId: 'school', email: 's@school.example', name: 's' }]).returning();
    const [c] = await tx.insert(classes).values({ tenantId: 'school', request: {}, subject: 'x', sessionType: 'academic', provider: 'meet', policy: 'itqan', timeZone: 'UTC', startAt: new Date(start), endAt: new Date(start + 8000), openLeadSeconds: 2, pollSeconds: 3, verifySeconds: 3, graceSeconds: 5 }).returning();
    await tx.insert(sessions).values({ tenantId: 'school', classId: c!.id });
    await tx.insert(classRoster).values([{ tenantId: 'school', classId: c!.id, personId: teacher!.id, role: 'teacher' }, { tenantId: 'school', classId: c!.id, personId: student!.id, role: 'student' }]);
    return { tenantId: 'school', classId: c!.id };
  });
  await workflows.start(ref, start);
  await expect.poll(async () => (await inTenant(t.db, 'school', (tx) => readClass(tx, ref))).session.spaceName, { timeout: 10000 }).toBeTruthy();
  const { session } = await inTenant(t.db, 'school', (tx) => readClass(tx, ref));
  await sim.control.addConference({ space: session.spaceName!, end: start + 9000, participants: [
    { kind: 'signed_in', email: 't@school.example', sessions: [{ start: start - 500, end: start + 8500 }] },
    { kind: 'signed_in', email: 's@school.example', sessions: [{ start: start + 1000, end: start + 8500 }] } ] } as never);
  let last = '';
  await expect.poll(async () => { const { row } = await inTenant(t.db, 'school', (tx) => readClass(tx, ref)); const s = row.status + JSON.stringify(row.missing) + JSON.stringify(row.captureProblem); if (s !== last) { console.log(Date.now() - start, s); last = s; } return row.status; }, { timeout: 40000, interval: 100 }).toBe('completed');
  console.log(JSON.stringify(await inTenant(t.db, 'school', (tx) => readCalculation(tx, ref)), null, 1));
  for (const w of workers) w.shutdown();
  await Promise.all(runs);
  await workflows.close(); await connection.close(); await sim.stop();
});
