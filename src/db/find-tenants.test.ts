import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storeClass } from '../temporal/test-class.ts';
import { type Database, inTenant, openDatabase } from './client.ts';
import { findOnlyTenant, findTenantsOf, listTenants } from './find-tenants.ts';
import { tenants } from './schema.ts';
import { changeTenant, ensureTenant } from './tenants.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

let database: TestDatabase;
let asOwner: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  asOwner = openDatabase(database.ownerUrl, 'rollcall-test', 1);
});
afterAll(async () => {
  await asOwner.close();
  await database.drop();
});

test('the only school is found by every login, until there is another, whatever its rooms are called', async () => {
  expect(await findOnlyTenant(database.db)).toBeNull();
  await inTenant(database.db, 'north', (tx) => ensureTenant(tx, 'north'));
  expect(await findOnlyTenant(database.db)).toBe('north');
  await inTenant(database.db, 'south', async (tx) => {
    await ensureTenant(tx, 'south');
    // Every name fits it.
    await changeTenant(tx, 'south', { settings: { room_pattern: '{class_id}' } });
  });
  expect(await findOnlyTenant(database.db)).toBeNull();
});

test('the owner sees which schools there are and whose a class is, the login of the server does not', async () => {
  const { classId } = await storeClass(database.db, {
    startMs: Date.parse('2026-03-02T09:00:00Z'),
    tenantId: 'south',
  });
  expect(await listTenants(asOwner)).toEqual(['north', 'south']);
  expect(await findTenantsOf(asOwner, classId)).toEqual(['south']);
  expect(await findTenantsOf(asOwner, randomUUID())).toEqual([]);
  expect(await listTenants(database.db)).toEqual([]);
  expect(await findTenantsOf(database.db, classId)).toEqual([]);
});

test('whoever looked across schools sees one at a time again', async () => {
  await listTenants(asOwner);
  expect(await inTenant(asOwner, 'north', (tx) => tx.select().from(tenants))).toMatchObject([
    { tenantId: 'north' },
  ]);
});
