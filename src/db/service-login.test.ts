import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { migrate } from './migrate.ts';
import { ensureServiceLogin } from './service-login.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

const FORBIDDEN = '42501';

let database: TestDatabase;
let owner: postgres.Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  owner = postgres(database.ownerUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as { code?: unknown }).code,
  );

function connect(url: string, role?: string): postgres.Sql {
  const sql = postgres(url, { max: 1, onnotice: () => {}, ...(role && { connection: { role } }) });
  onTestFinished(() => sql.end());
  return sql;
}

const tables = async (): Promise<string[]> =>
  (await owner`select tablename from pg_tables where schemaname = current_schema()`).map((row) =>
    String(row.tablename),
  );

/** A login that is gone after the test, in the URL of the test's database. */
function newLogin(password = randomBytes(12).toString('base64url')): { name: string; url: string } {
  const name = `service_${randomBytes(6).toString('hex')}`;
  onTestFinished(async () => {
    await owner`drop owned by ${owner(name)}`.catch(() => {});
    await owner`drop role if exists ${owner(name)}`;
  });
  return { name, url: Object.assign(new URL(database.ownerUrl), { username: name, password }).href };
}

describe('the login of server and worker', () => {
  test.each(['set role none', 'reset role', 'set session authorization default'])(
    'gains nothing by `%s`: no row and no right on any table',
    async (statement) => {
      const named = await tables();
      expect(named.length).toBeGreaterThan(15);
      // As server and worker connect, and without their role.
      for (const role of ['rollcall_app', undefined]) {
        const sql = connect(database.serviceUrl, role);
        await sql.unsafe(statement);
        for (const table of named) {
          const rows = await sql`select * from ${sql(table)}`.catch((error: unknown) =>
            codeOf(Promise.reject(error)),
          );
          const seen = Array.isArray(rows) ? rows.length : rows;
          // `reset role` goes back to what the connection began with, which has rights and, without a tenant, no rows.
          const keepsRole = role !== undefined && statement !== 'set role none';
          expect([table, seen]).toEqual([table, keepsRole ? 0 : FORBIDDEN]);
        }
      }
    },
  );

  test('has no right of its own on any table, by the catalog', async () => {
    const { username } = new URL(database.serviceUrl);
    const rights = await owner`select t.tablename, p.privilege from pg_tables t,
      unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p (privilege)
      where t.schemaname = current_schema() and has_table_privilege(${username}, t.tablename, p.privilege)`;
    expect(rights).toHaveLength(0);
  });

  test('can become the app role and nobody else', async () => {
    const sql = connect(database.serviceUrl);
    const { username } = new URL(database.ownerUrl);
    expect(await codeOf(sql`set role ${sql(username)}`)).toBe(FORBIDDEN);
    expect(await codeOf(sql`set session authorization ${sql(username)}`)).toBe(FORBIDDEN);
    expect(await codeOf(sql`set role rollcall_app`)).toBe('done');
  });

  test('is what the tests work as', async () => {
    const [row] = await database.db.orm.execute('select session_user as login, current_user as role');
    expect(row).toEqual({ login: new URL(database.serviceUrl).username, role: 'rollcall_app' });
  });
});

describe('making it', () => {
  test('can be repeated, and the password of the last time is the one that counts', async () => {
    const { name, url } = newLogin('first');
    await migrate(database.ownerUrl, url);
    await migrate(database.ownerUrl, url);
    const changed = Object.assign(new URL(url), { password: 'p:@/ %c3%a4 second' }).href;
    await migrate(database.ownerUrl, changed);
    expect(await codeOf(connect(changed)`select 1`)).toBe('done');
    expect(await codeOf(connect(url)`select 1`)).toBe('28P01');
    const [role] =
      await owner`select rolsuper, rolbypassrls, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
      array(select roleid::regrole::text from pg_auth_members where member = r.oid) as member_of
      from pg_roles r where rolname = ${name}`;
    expect(role).toEqual({
      rolsuper: false,
      rolbypassrls: false,
      rolinherit: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolcanlogin: true,
      member_of: ['rollcall_app'],
    });
  });

  test('takes rights away that an earlier login had by inheritance', async () => {
    const { name, url } = newLogin();
    await owner`create role ${owner(name)} login inherit`;
    await owner`grant rollcall_app to ${owner(name)}`;
    await migrate(database.ownerUrl, url);
    expect(await codeOf(connect(url)`select * from classes`)).toBe(FORBIDDEN);
  });

  test('succeeds for all who do it at once on one cluster', async () => {
    const { url } = newLogin();
    const owners = Array.from({ length: 8 }, () => connect(database.ownerUrl));
    await Promise.all(owners.map((each) => ensureServiceLogin(each, url)));
    expect(await codeOf(connect(url)`select 1`)).toBe('done');
  });

  test.each([
    ['is the superuser who migrates', async () => database.ownerUrl, /may do more than log in/],
    [
      'owns something',
      async () => {
        const { name, url } = newLogin();
        await owner`create role ${owner(name)} login`;
        await owner`create schema ${owner(name)} authorization ${owner(name)}`;
        return url;
      },
      /it owns something/,
    ],
    [
      'may bypass row security',
      async () => {
        const { name, url } = newLogin();
        await owner`create role ${owner(name)} login bypassrls`;
        return url;
      },
      /may do more than log in/,
    ],
    [
      'is a member of more',
      async () => {
        const { name, url } = newLogin();
        await owner`create role ${owner(name)} login`;
        await owner`grant pg_read_all_data to ${owner(name)}`;
        return url;
      },
      /member of pg_read_all_data/,
    ],
    [
      'has no password',
      async () => Object.assign(new URL(database.ownerUrl), { password: '' }).href,
      /expected postgresql:\/\/name:password@/,
    ],
  ])('is refused for a login that %s, which stays as it is', async (_which, make, message) => {
    await expect(migrate(database.ownerUrl, await make())).rejects.toThrow(message);
  });

  test('sends no password that PostgreSQL could write into its log', async () => {
    const sent: string[] = [];
    const { url } = newLogin('a-password-to-look-for');
    const watched = postgres(database.ownerUrl, {
      max: 1,
      onnotice: () => {},
      debug: (_, query) => sent.push(query),
    });
    onTestFinished(() => watched.end());
    await ensureServiceLogin(watched, url);
    expect(sent.join('\n')).toContain('SCRAM-SHA-256$4096:');
    expect(sent.join('\n')).not.toContain('a-password-to-look-for');
  });

  test('works for an owner who is no superuser', async () => {
    const modest = newLogin();
    const { url } = newLogin();
    const { password } = new URL(modest.url);
    await owner`create role ${owner(modest.name)} login createrole password ${owner.unsafe(`'${password}'`)}`;
    await owner`grant rollcall_app to ${owner(modest.name)} with admin option`;
    const sql = connect(modest.url);
    await ensureServiceLogin(sql, url);
    await ensureServiceLogin(sql, url);
    expect(await codeOf(connect(url)`set role rollcall_app`)).toBe('done');
  });
});
