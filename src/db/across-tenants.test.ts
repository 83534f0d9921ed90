/** The functions that look across tenants: what they answer, and what they keep to themselves. */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { storeClass } from '../temporal/test-class.ts';
import { type ClassRef, type Database, inTenant } from './client.ts';
import { DEFAULT_ROOM_PATTERN } from './room-name.ts';
import { setAside } from './schema.ts';
import { listSetAside } from './set-aside.ts';
import { changeTenant, ensureTenant } from './tenants.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

const START = Date.parse('2026-01-05T10:00:00.000Z');

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const room = (tenantId: string): string => `${tenantId}-academic-session-${randomUUID()}`;
const classIn = (tenantId: string, roomName: string): Promise<ClassRef> =>
  storeClass(database.db, { startMs: START, tenantId, provider: 'livekit', roomName });
const tenant = (db: Database, tenantId: string, settings = {}): Promise<unknown> =>
  inTenant(db, tenantId, async (tx) => {
    await ensureTenant(tx, tenantId);
    await changeTenant(tx, tenantId, { settings });
  });
const update = ({ tenantId, classId }: ClassRef, what: ReturnType<typeof sql>) =>
  inTenant(database.db, tenantId, (tx) => tx.execute(sql`update classes set ${what} where id = ${classId}`));

describe('whose a room is', () => {
  beforeAll(async () => {
    await tenant(database.db, 'north');
    await tenant(database.db, 'south', { identity_form: 'itqan' });
    await tenant(database.db, 'under_score');
    await tenant(database.db, 'itqan', { room_pattern: '{tenant}_academy-{type}-session-{id}' });
    await tenant(database.db, 'north-2');
    await tenant(database.db, 'twin', { room_pattern: '{tenant}-a-{class_id}' });
    await tenant(database.db, 'twin-a', { room_pattern: '{tenant}-{class_id}' });
    await tenant(database.db, 'nameless', { room_pattern: 'lesson-{class_id}' });
  });

  interface Owner extends Record<string, unknown> {
    n: number;
    tenant_id: string;
    class_id: string | null;
    identity_form: string;
  }
  /** Asked as the server asks: in no tenant's name. */
  async function ownersOf(
    asked: [room: string, keyTenant: string | null][],
    db: Database = database.db,
  ): Promise<Owner[]> {
    const row = (values: (string | null)[]) =>
      sql`array[${sql.join(
        values.map((value) => sql`${value}`),
        sql`, `,
      )}]::text[]`;
    return await db.orm.execute<Owner>(sql`select * from rollcall_room_owners(
      ${row(asked.map(([name]) => name))}, ${row(asked.map(([, key]) => key))}, ${DEFAULT_ROOM_PATTERN}) order by n`);
  }
  const ownerOf = async (name: string, keyTenant: string | null = null) =>
    (await ownersOf([[name, keyTenant]]))[0];

  test('the room of a class is the class, whatever it is called', async () => {
    const name = room('south');
    const { classId } = await classIn('north', name);
    expect(await ownerOf(name)).toEqual({
      n: 1,
      tenant_id: 'north',
      class_id: classId,
      identity_form: 'rollcall',
    });
  });

  test("a key that is one tenant's own opens the rooms of that tenant and of no other", async () => {
    const name = room('north');
    const { classId } = await classIn('north', name);
    expect(await ownerOf(name, 'north')).toMatchObject({ tenant_id: 'north', class_id: classId });
    expect(await ownerOf(name, 'south')).toMatchObject({ tenant_id: 'south', class_id: null });
    // One that has no row yet too: what it signed is nobody else's.
    expect(await ownerOf(name, 'nobody')).toMatchObject({ tenant_id: 'nobody', class_id: null });
  });

  test("a room that no class has is the tenant's whose key it is, before any pattern", async () => {
    expect(await ownerOf(room('north'), 'south')).toEqual({
      n: 1,
      tenant_id: 'south',
      class_id: null,
      identity_form: 'itqan',
    });
  });

  test.each<[string, string, string | undefined]>([
    ['the default pattern of one tenant', room('north'), 'north'],
    ["a tenant's own pattern", 'itqan_academy-quran-session-7', 'itqan'],
    ['no pattern', 'somewhere', undefined],
    ['a pattern but for its end', room('north').replace('session', 'lesson'), undefined],
    ['a name with an underscore', room('under_score'), 'under_score'],
    ['another letter where the name has its underscore', room('underXscore'), undefined],
    ['another letter where the pattern has its underscore', 'itqanXacademy-quran-session-7', undefined],
    ['the patterns of two tenants', 'twin-a-7', undefined],
    ['a pattern that names no tenant, and may fit the rooms of any', 'lesson-7', undefined],
    ['a name that begins with that of another', room('north-2'), 'north-2'],
    ['only what begins with a name', room('north-7'), undefined],
  ])('without either, a room that fits %s: %s is of %s', async (_title, name, owner) => {
    const found = await ownerOf(name);
    expect([found?.tenant_id, found?.class_id]).toEqual([owner, owner && null]);
  });

  test('many are answered at once, each under its place, and those of nobody not at all', async () => {
    const name = room('north');
    const { classId } = await classIn('north', name);
    const found = await ownersOf([
      ['somewhere', null],
      [name, null],
      [name, 'south'],
    ]);
    expect(found.map((one) => [one.n, one.tenant_id, one.class_id])).toEqual([
      [2, 'north', classId],
      [3, 'south', null],
    ]);
  });

  test("a room without class, key and pattern is the only tenant's, while there is only one", async () => {
    const alone = await createTestDatabase();
    onTestFinished(() => alone.drop());
    const owner = async () => (await ownersOf([['somewhere', null]], alone.db)).map((one) => one.tenant_id);
    expect(await owner()).toEqual([]);
    await tenant(alone.db, 'first');
    expect(await owner()).toEqual(['first']);
    await tenant(alone.db, 'second');
    expect(await owner()).toEqual([]);
  });
});

describe('what was set aside for a room', () => {
  const putAside = (
    tenantId: string | null,
    roomName: string,
    raw: string,
    keyTenant: string | null = null,
  ) =>
    inTenant(database.db, tenantId ?? '', (tx) =>
      tx.insert(setAside).values({
        ...{ tenantId, keyTenant, source: 'livekit', sourceEventId: randomUUID() },
        ...{ why: raw === 'no evidence' ? 'other' : 'no_class', roomName, raw, rawHash: 'x' },
      }),
    );
  const askedAs = (tenantId: string, roomName: string) =>
    inTenant(database.db, tenantId, async (tx) => {
      const rows = await tx.execute(sql`select raw from rollcall_set_aside_for(${roomName})`);
      return rows.map((row) => row.raw);
    });

  test('is told to the tenant that has a class there, but for what the key of another signed, in the order in which it came', async () => {
    const name = room('north');
    await putAside(null, name, 'first');
    await putAside('south', name, 'signed by the key of another', 'south');
    await putAside('south', name, 'when south was the only tenant');
    await putAside('north', name, 'signed by its key', 'north');
    await putAside('north', name, 'no evidence');
    await putAside(null, room('north'), 'of another room');
    expect(await askedAs('north', name)).toEqual([]);
    await classIn('north', name);
    expect(await askedAs('north', name)).toEqual([
      'first',
      'when south was the only tenant',
      'signed by its key',
    ]);
  });

  test('is no longer shown to the only tenant of that time when the class of another has the room', async () => {
    const name = room('north');
    await putAside('south', name, 'a guess');
    await putAside('south', name, 'signed by its key', 'south');
    const shown = () =>
      inTenant(database.db, 'south', async (tx) => {
        const rows = await listSetAside(tx, 'south', { why: undefined, afterId: null, limit: 1_000 });
        return rows.filter(({ roomName }) => roomName === name).map(({ raw }) => raw);
      });
    expect(await shown()).toEqual(['a guess', 'signed by its key']);
    await classIn('north', name);
    expect(await shown()).toEqual(['signed by its key']);
  });

  test('is told to no other tenant, and to nobody without a name', async () => {
    const name = room('north');
    await putAside(null, name, "nobody's");
    await putAside('north', name, "north's", 'north');
    await putAside('south', name, "south's", 'south');
    await classIn('north', name);
    expect(await askedAs('south', name)).toEqual([]);
    expect(await askedAs('', name)).toEqual([]);
  });
});

describe('the classes of all tenants that want work', () => {
  const told = ({ tenantId, classId }: ClassRef) => ({ tenant_id: tenantId, class_id: classId });
  const uncalculated = async (max = 100) =>
    (await database.db.orm.execute(sql`select * from rollcall_uncalculated_classes(${max})`)).map((row) => ({
      ...row,
    }));
  const unrung = async (max = 100) =>
    (await database.db.orm.execute(sql`select * from rollcall_unrung_classes(${max})`)).map((row) => ({
      ...row,
    }));

  test('are told by tenant and id: settled ones with evidence that nobody calculated, the longest settled first', async () => {
    const settled = await classIn('north', room('north'));
    const earlier = await classIn('south', room('south'));
    const waiting = await classIn('north', room('north'));
    const cancelled = await classIn('north', room('north'));
    const seen = await classIn('south', room('south'));
    await update(settled, sql`evidence_pending = true, settled_at = now()`);
    await update(earlier, sql`evidence_pending = true, settled_at = now() - interval '1 hour'`);
    await update(waiting, sql`evidence_pending = true`);
    await update(cancelled, sql`evidence_pending = true, settled_at = now(), cancelled_at = now()`);
    await update(seen, sql`settled_at = now()`);
    expect(await uncalculated()).toEqual([told(earlier), told(settled)]);
    expect(await uncalculated(1)).toEqual([told(earlier)]);
  });

  test('are told by tenant and id: those that wait for evidence, got some, and were not rung within the minute', async () => {
    const waiting = { status: 'reconciling', pending: true, settled: null, rung: null };
    const cases = [
      waiting,
      { ...waiting, rung: '61 seconds' },
      { ...waiting, rung: '30 seconds' },
      { ...waiting, pending: false },
      { ...waiting, status: 'ended' },
      { ...waiting, status: 'cancelled' },
      { ...waiting, status: 'completed', settled: '1 hour' },
    ];
    const refs: ClassRef[] = [];
    for (const { status, pending, settled, rung } of cases) {
      const ref = await classIn(refs.length === 0 ? 'north' : 'south', room('north'));
      refs.push(ref);
      await update(
        ref,
        sql`status = ${status}, evidence_pending = ${pending}, settled_at = now() - ${settled}::interval,
          last_rung_at = now() - ${rung}::interval`,
      );
    }
    const found = refs.slice(0, 2).map(told);
    expect(await unrung()).toEqual(expect.arrayContaining(found));
    expect(await unrung()).toHaveLength(found.length);
    expect(await unrung(1)).toHaveLength(1);
  });
});
