/** What PostgreSQL itself guarantees, whatever the code above it does: seen as the role the server works as. */
import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listClasses } from './classes.ts';
import { type Database, inTenant, type Tx } from './client.ts';
import { findPeopleById } from './people.ts';
import { scheduleClass } from './schedule-class.ts';
import { ensureTenant } from './tenants.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

const LOG = [
  'calculations',
  'events',
  'identity_decisions',
  'marks',
  'policies',
  'records',
  'set_aside',
  'sweeps',
  'webhook_messages',
];

let database: TestDatabase;
let db: Database;
let owner: postgres.Sql;
const ours = randomUUID();
const theirs = randomUUID();

beforeAll(async () => {
  database = await createTestDatabase();
  db = database.db;
  owner = postgres(database.ownerUrl, { max: 1, onnotice: () => {} });
  for (const [tenantId, classId] of [
    ['ours', ours],
    ['theirs', theirs],
  ] as const) {
    await inTenant(db, tenantId, (tx) => fill(tx, tenantId, classId));
  }
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

/** One row in every table. */
async function fill(tx: Tx, tenantId: string, classId: string): Promise<void> {
  await ensureTenant(tx, tenantId);
  await scheduleClass(tx, tenantId, {
    classId,
    externalId: 'same-in-both',
    subject: 'Algebra',
    startMs: 1_788_771_600_000,
    endMs: 1_788_774_000_000,
    sessionType: 'academic',
    provider: 'meet',
    meetingCode: null,
    roomName: null,
    policy: 'itqan',
    timeZone: 'UTC',
    policyDate: '2026-01-01',
    openLeadSeconds: 60,
    pollSeconds: 180,
    verifySeconds: 120,
    graceSeconds: 300,
    scheduledAtMs: 1_788_700_000_000,
    teacherEmail: 'teacher@school.example',
    studentEmails: ['amal@school.example'],
    asked: { fields: {}, defaulted: [] },
  });
  const identity = randomUUID();
  for (const statement of [
    sql`insert into sources (tenant_id, name, kind) values (${tenantId}, 'zoom', 'in_call')`,
    sql`insert into source_completions (tenant_id, class_id, source) values (${tenantId}, ${classId}, 'zoom')`,
    sql`insert into events (tenant_id, class_id, source, source_event_id, kind, at, content_hash, raw)
      values (${tenantId}, ${classId}, 'zoom', 'e1', 'joined', now(), 'x', '{}')`,
    sql`insert into set_aside (tenant_id, class_id, source, source_event_id, why, raw, raw_hash)
      values (${tenantId}, ${classId}, 'livekit', 'e1', 'conflicting', '{}', ${tenantId})`,
    sql`update classes set evidence_pending = true`,
    sql`update sessions set occupied = true`,
    sql`insert into sweeps (tenant_id, class_id, source, at, ok, scope, rooms, connections)
      values (${tenantId}, ${classId}, 'meet', now(), true, 'all', '[]', '[]')`,
    sql`insert into identities (tenant_id, id, source, identity, kind)
      values (${tenantId}, ${identity}, 'meet', 'users/1', 'signed_in')`,
    sql`insert into class_identities (tenant_id, class_id, identity_id, state)
      values (${tenantId}, ${classId}, ${identity}, 'unmatched')`,
    sql`insert into identity_decisions (tenant_id, identity_id, action, class_ids, decided_by)
      values (${tenantId}, ${identity}, 'dismiss', '[]', 'somebody')`,
    sql`insert into policies (tenant_id, name, version, effective_from, definition, created_by)
      values (${tenantId}, 'own', 1, '2026-01-01', '{}', 'somebody')`,
    sql`insert into calculations (tenant_id, class_id, version, inputs_hash, policy, policy_preset, policy_version,
      is_complete, missing, stays) values (${tenantId}, ${classId}, 1, 'x', 'itqan', 'itqan', 0, true, '[]', '[]')`,
    sql`insert into records (tenant_id, class_id, version, person_id, status, is_final, attendance)
      select ${tenantId}, ${classId}, 1, person_id, 'present', true, '{}' from class_roster`,
    sql`insert into whiteboard_connections (tenant_id, class_id, person_id, name, instance, connected_at, last_seen_at)
      select ${tenantId}, ${classId}, person_id, 'default', 'one', now(), now() from class_roster limit 1`,
    sql`insert into marks (tenant_id, class_id, person_id, status, source, marked_by, replaced)
      select ${tenantId}, ${classId}, person_id, 'excused', 'manual', 'somebody', '{}' from class_roster limit 1`,
    sql`insert into guardians (tenant_id, child_id, guardian_id) select ${tenantId}, id, id from people limit 1`,
    sql`insert into alerts (tenant_id, class_id, kind, message, raised_at)
      values (${tenantId}, ${classId}, 'teacher_missing', 'x', now())`,
    sql`insert into webhook_endpoints (tenant_id, url, events, secret, created_by)
      values (${tenantId}, 'https://example.com', '[]', 'whsec_x', 'somebody')`,
    sql`insert into webhook_messages (tenant_id, class_id, event, payload)
      values (${tenantId}, ${classId}, 'class.opened', '{}')`,
    sql`insert into webhook_deliveries (tenant_id, message_id, endpoint_id)
      select ${tenantId}, m.id, e.id from webhook_messages m, webhook_endpoints e`,
    sql`insert into idempotency_keys (tenant_id, key, request_hash) values (${tenantId}, 'k', 'x')`,
  ]) {
    await tx.execute(statement);
  }
}

/** Out of the catalog, so that a new table is looked at without anybody thinking of it. */
const tables = async (): Promise<string[]> =>
  (
    await owner`select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'm', 'v') and n.nspname = current_schema() order by 1`
  ).map((row) => String(row.relname));

const countIn = async (tx: Pick<Tx, 'execute'>, table: string): Promise<number> => {
  const [row] = await tx.execute<{ n: number }>(
    sql`select count(*)::integer as n from ${sql.identifier(table)}`,
  );
  return row?.n ?? -1;
};

/** PostgreSQL's code for what it refused. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    for (let cause = error; cause instanceof Error; cause = cause.cause) {
      if ('code' in cause) return String(cause.code);
    }
    throw error;
  }
}

const FORBIDDEN = '42501';

test('each function is granted by name, for databases in which PUBLIC may call none', async () => {
  const rows = await owner`select p.proname from pg_proc p
    where p.proname like 'rollcall%' and p.prorettype <> 'trigger'::regtype
      and (p.proacl is null or not has_function_privilege('rollcall_app', p.oid, 'execute'))`;
  expect(rows.map(({ proname }) => proname)).toEqual([]);
});

describe('every table of the catalog', () => {
  test('forces row security with a rule for reading and one for writing, even for its owner', async () => {
    const rows = await owner`select c.relname, c.relrowsecurity, c.relforcerowsecurity,
        exists (select 1 from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant_rows'
          and p.polqual is not null and p.polwithcheck is not null) as ruled
      from pg_class c where c.relname in ${owner(await tables())} order by 1`;
    expect(rows.length).toBeGreaterThan(15);
    expect(rows.filter((row) => !(row.relrowsecurity && row.relforcerowsecurity && row.ruled))).toEqual([]);
  });

  test('belongs to somebody else than the role of the server, which may not pass by row security', async () => {
    const [role] =
      await owner`select rolsuper, rolbypassrls, rolcanlogin from pg_roles where rolname = 'rollcall_app'`;
    expect(role).toEqual({ rolsuper: false, rolbypassrls: false, rolcanlogin: false });
    const own = await owner`select c.relname from pg_class c join pg_roles r on r.oid = c.relowner
      where r.rolname = 'rollcall_app'`;
    expect(own).toHaveLength(0);
    const [me] = await db.orm.execute<{ me: string }>(sql`select current_user as me`);
    expect(me?.me).toBe('rollcall_app');
  });

  test("has rows of both tenants, of which each sees its own, and nobody any without a tenant's name", async () => {
    for (const table of await tables()) {
      const [all] = await owner`select count(distinct tenant_id)::integer as n from ${owner(table)}`;
      expect([table, all?.n]).toEqual([table, 2]);
      expect([table, await countIn(db.orm, table)]).toEqual([table, 0]);
      const [seen] = await inTenant(db, 'ours', (tx) =>
        tx.execute<{ tenants: string[] }>(
          sql`select array_agg(distinct tenant_id) as tenants from ${sql.identifier(table)}`,
        ),
      );
      expect([table, seen?.tenants]).toEqual([table, ['ours']]);
    }
  });

  test("refuses to take a row in another tenant's name", async () => {
    for (const table of await tables()) {
      const columns = await insertable(table);
      const copied = sql.join(
        columns.map((name) => (name === 'tenant_id' ? sql`'theirs'` : sql.identifier(name))),
        sql`, `,
      );
      const into = sql.join(
        columns.map((name) => sql.identifier(name)),
        sql`, `,
      );
      const code = await codeOf(
        inTenant(db, 'ours', (tx) =>
          tx.execute(
            sql`insert into ${sql.identifier(table)} (${into}) select ${copied} from ${sql.identifier(table)}`,
          ),
        ),
      );
      expect([table, code]).toEqual([table, FORBIDDEN]);
    }
  });

  test("changes and removes nothing of another tenant's", async () => {
    for (const table of await tables()) {
      const before =
        await owner`select count(*)::integer as n from ${owner(table)} where tenant_id = 'theirs'`;
      for (const statement of [
        sql`update ${sql.identifier(table)} set tenant_id = tenant_id where tenant_id = 'theirs' returning 1`,
        sql`delete from ${sql.identifier(table)} where tenant_id = 'theirs' returning 1`,
      ]) {
        const work = inTenant(db, 'ours', (tx) => tx.execute(statement)).then((rows) => rows.length);
        expect([table, await work.catch(() => 0)]).toEqual([table, 0]);
      }
      const after =
        await owner`select count(*)::integer as n from ${owner(table)} where tenant_id = 'theirs'`;
      expect([table, after[0]]).toEqual([table, before[0]]);
    }
  });

  test('gives a row to no other tenant', async () => {
    const code = await codeOf(
      inTenant(db, 'ours', (tx) => tx.execute(sql`update people set tenant_id = 'theirs'`)),
    );
    expect(code).toBe(FORBIDDEN);
  });
});

async function insertable(table: string): Promise<string[]> {
  const rows = await owner`select column_name from information_schema.columns
    where table_schema = current_schema() and table_name = ${table} and is_identity = 'NO' order by ordinal_position`;
  return rows.map((row) => String(row.column_name));
}

describe('the log', () => {
  test('is what the first migration says it is', async () => {
    const rows = await owner`select distinct c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where t.tgname = 'append_only' order by 1`;
    expect(rows.map((row) => row.relname)).toEqual(LOG);
  });

  test.each(LOG)('%s is never changed, not by the server and not by the owner', async (table) => {
    for (const statement of [
      sql`update ${sql.identifier(table)} set tenant_id = tenant_id`,
      sql`delete from ${sql.identifier(table)}`,
      sql`truncate ${sql.identifier(table)} cascade`,
    ]) {
      expect(await codeOf(inTenant(db, 'ours', (tx) => tx.execute(statement)))).toBe(FORBIDDEN);
    }
    expect(await codeOf(owner`update ${owner(table)} set tenant_id = tenant_id`)).toBe(FORBIDDEN);
    expect(await codeOf(owner`delete from ${owner(table)}`)).toBe(FORBIDDEN);
    expect(await codeOf(owner`truncate ${owner(table)} cascade`)).toBe(FORBIDDEN);
  });
});

describe('a delivery that is set aside', () => {
  const putAside = (asTenant: string, tenantId: string | null) =>
    inTenant(db, asTenant, (tx) =>
      tx.execute(sql`insert into set_aside (tenant_id, source, source_event_id, why, raw, raw_hash)
        values (${tenantId}, 'livekit', ${randomUUID()}, 'no_class', '{}', 'x')`),
    );
  const seenBy = (tenantId: string) =>
    inTenant(db, tenantId, async (tx) => {
      const rows = await tx.execute(sql`select distinct tenant_id from set_aside`);
      return rows.map((row) => row.tenant_id);
    });

  test("may be nobody's or one's own, and not another tenant's", async () => {
    expect(await codeOf(putAside('ours', null))).toBe('done');
    expect(await codeOf(putAside('ours', 'ours'))).toBe('done');
    expect(await codeOf(putAside('ours', 'theirs'))).toBe(FORBIDDEN);
  });

  // The server stores what is nobody's in a transaction without a tenant.
  test.each(['ours', ''])("that is nobody's is read by nobody, as tenant '%s'", async (tenantId) => {
    await putAside(tenantId, null);
    const [nobodys] = await owner`select count(*)::integer as n from set_aside where tenant_id is null`;
    expect(nobodys?.n).toBeGreaterThan(0);
    expect(await seenBy(tenantId)).toEqual(tenantId === '' ? [] : ['ours']);
  });
});

describe('what works with the rights of the owner', () => {
  /** Each function of the catalog that does, and a call that reads its tables. */
  const CALLS: Record<string, string> = {
    rollcall_classes_to_look_at: 'rollcall_classes_to_look_at(now(), 10)',
    rollcall_lost_connections: 'rollcall_lost_connections(now(), 10)',
    rollcall_neglected_classes: `rollcall_neglected_classes('15 seconds', 10)`,
    rollcall_neglected_deliveries: 'rollcall_neglected_deliveries(10)',
    rollcall_room_owners: `rollcall_room_owners(array['x'], array[null], 'x')`,
    rollcall_set_aside_for: `rollcall_set_aside_for('x')`,
    rollcall_tenants_with_old_messages: 'rollcall_tenants_with_old_messages(10)',
    rollcall_uncalculated_classes: 'rollcall_uncalculated_classes(10)',
    rollcall_unrung_classes: 'rollcall_unrung_classes(10)',
  };
  const functions = () =>
    owner`select p.proname, p.proconfig from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where p.prosecdef and n.nspname = current_schema() order by 1`;

  test('is known to this test by name', async () => {
    expect((await functions()).map((row) => row.proname)).toEqual(Object.keys(CALLS));
  });

  // Left out of a path, temporary tables and views come before everything else in it.
  test('looks for its tables among temporary ones last', async () => {
    for (const { proname, proconfig } of await functions()) {
      expect(proconfig, proname).toContain('search_path=public, pg_temp');
    }
  });

  test.each(Object.entries(CALLS))("%s takes no smuggled view for the owner's table", async (_name, call) => {
    const named = await tables();
    const ran = db.orm.transaction(async (tx) => {
      await tx.execute(sql`create function pg_temp.evil() returns jsonb language plpgsql as $$ begin
        perform set_config('evil.who', current_user, true); return '{}'; end $$`);
      for (const table of named) {
        const name = sql.identifier(table);
        await tx.execute(sql`create temporary view ${name} as
          select r.* from pg_temp.evil() e, jsonb_populate_record(null::public.${name}, e) r`);
        await tx.execute(sql`grant select on pg_temp.${name} to public`);
      }
      await tx.execute(sql`select * from ${sql.raw(call)}`);
      const [seen] = await tx.execute<{ who: string | null }>(
        sql`select nullif(current_setting('evil.who', true), '') as who`,
      );
      throw new Seen(seen?.who ?? null);
    });
    await expect(ran).rejects.toEqual(new Seen(null));
  });
});

/** Thrown, so that the transaction leaves nothing behind. */
class Seen extends Error {
  readonly who: string | null;
  constructor(who: string | null) {
    super(`the smuggled function ran as ${who ?? 'nobody'}`);
    this.who = who;
  }
}

describe('a transaction', () => {
  test("cannot reach another tenant's class by its id", async () => {
    const found = await inTenant(db, 'ours', (tx) =>
      tx.execute(sql`select id from classes where id in (${ours}, ${theirs})`),
    );
    expect(found.map((row) => row.id)).toEqual([ours]);
  });

  test("cannot hang its rows on another tenant's", async () => {
    const code = await codeOf(
      inTenant(db, 'ours', (tx) =>
        tx.execute(
          sql`insert into source_completions (tenant_id, class_id, source) values ('ours', ${theirs}, 'x')`,
        ),
      ),
    );
    expect(code).toBe('23503');
  });

  test('leaves no tenant behind on its connection', async () => {
    await Promise.all(Array.from({ length: 30 }, () => inTenant(db, 'ours', (tx) => countIn(tx, 'classes'))));
    const counts = await Promise.all(Array.from({ length: 30 }, () => countIn(db.orm, 'classes')));
    expect(counts.every((n) => n === 0)).toBe(true);
  });

  test('finds nobody else by the functions of this folder, even when it asks for them', async () => {
    const [person] = await owner`select id from people where tenant_id = 'theirs' limit 1`;
    const asked = await inTenant(db, 'ours', (tx) => findPeopleById(tx, 'theirs', [String(person?.id)]));
    expect(asked.size).toBe(0);
    const listed = await inTenant(db, 'ours', (tx) =>
      listClasses(tx, 'theirs', {}, { after: null, limit: 9, nowMs: 0 }),
    );
    expect(listed).toEqual([]);
  });
});
