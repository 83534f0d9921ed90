import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inTenant } from '../db/client.ts';
import { ensureTenant } from '../db/tenants.ts';
import { createTestDatabase, type TestDatabase } from '../db/test-database.ts';
import { rollcall } from './test-rollcall.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const setAside = (...args: string[]) => rollcall(['set-aside', ...args], { DATABASE_URL: database.ownerUrl });
const put = (tenantId: string | null, id: string, reason: string | null) =>
  inTenant(database.db, tenantId ?? '', (tx) =>
    tx.execute(sql`insert into set_aside (tenant_id, source, source_event_id, why, reason, event, room_name, raw, raw_hash)
      values (${tenantId}, 'livekit', ${id}, ${reason === null ? 'no_class' : 'unusable'}, ${reason}, 'room_started',
        ${`room\u001b[2J of ${id}`}, '{}', 'x')`),
  );
const addSchool = (tenantId: string) => inTenant(database.db, tenantId, (tx) => ensureTenant(tx, tenantId));

test("it lists what is no school's, the latest first, and nobody else's", async () => {
  expect((await setAside()).out).toBe("No delivery is no school's.\n");
  await addSchool('north');
  await put('north', 'EV_1', null);
  await put(null, 'EV_2', null);
  await put(null, 'EV_3', 'it names no participant');
  const { status, out } = await setAside();
  expect(status).toBe(0);
  expect(out.replaceAll(/^\S+Z/gm, 'when')).toBe(
    'when  room_started  room of EV_3  it names no participant\nwhen  room_started  room of EV_2  no_class\n',
  );
  const { deliveries } = JSON.parse((await setAside('--json', '--limit', '1')).out);
  expect(deliveries).toMatchObject([{ source_event_id: 'EV_3', why: 'unusable', raw: '{}' }]);
});

test('what a key of a school signed that is not there is listed until it is', async () => {
  await put('nroth', 'EV_4', null);
  const said = 'room of EV_4  no_class  its key is that of nroth, which is not there\n';
  expect((await setAside('--limit', '1')).out).toContain(said);
  await addSchool('nroth');
  expect((await setAside()).out).not.toContain('EV_4');
});

test('a login that may not look is told which one may', async () => {
  const { status, err } = await rollcall(['set-aside'], { DATABASE_URL: database.serviceUrl });
  expect([status, err]).toEqual([1, expect.stringContaining('use the owner of the tables')]);
});

test('without a database, and with a limit that is none, it says what it needs', async () => {
  const none = await rollcall(['set-aside']);
  expect([none.status, none.err]).toEqual([1, expect.stringContaining('DATABASE_URL is not set')]);
  const limit = await setAside('--limit', '0');
  expect([limit.status, limit.err]).toEqual([2, expect.stringContaining('a whole number from 1 to 1000')]);
});
