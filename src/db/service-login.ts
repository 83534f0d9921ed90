/**
 * The login of server and worker: it owns nothing and may do nothing but take the role `rollcall_app`, so that a
 * `SET ROLE NONE` that somebody smuggles into a statement takes rights away instead of lifting them.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type postgres from 'postgres';

export class ServiceLoginRefused extends Error {
  readonly code = 'service_login_refused';
}

interface Login {
  readonly name: string;
  readonly password: string;
}

/**
 * Makes the login that `serviceUrl` names, or gives an existing one its password, and lets it take `rollcall_app`.
 * To be repeated at will, also by several at once on one cluster.
 * @param owner may make logins and has ADMIN on `rollcall_app`, as whoever made it has
 * @throws ServiceLoginRefused when the name belongs to a login that may do more; it is not cut down
 */
export async function ensureServiceLogin(owner: postgres.Sql, serviceUrl: string): Promise<void> {
  const login = loginIn(serviceUrl);
  for (let attempt = 1; ; attempt++) {
    try {
      return await owner.begin((tx) => ensure(tx, login));
    } catch (error) {
      if (!isCollision(error) || attempt === ATTEMPTS) throw error;
      await sleep(Math.random() * 20 * attempt);
    }
  }
}

function loginIn(serviceUrl: string): Login {
  const { username, password } = new URL(serviceUrl);
  if (username !== '' && password !== '')
    return { name: decodeURIComponent(username), password: decodeURIComponent(password) };
  throw new ServiceLoginRefused(
    'DATABASE_SERVICE_URL names no login: expected postgresql://name:password@host:port/database.',
  );
}

async function ensure(tx: postgres.TransactionSql, { name, password }: Login): Promise<void> {
  const exists = await checkWhatExists(tx, name);
  const secret = tx.unsafe(`'${scramVerifier(password)}'`);
  // Only a superuser may even write NOSUPERUSER of a role that exists; that it is none was checked.
  if (exists) await tx`alter role ${tx(name)} login noinherit password ${secret}`;
  else
    await tx`create role ${tx(name)} login noinherit nosuperuser nobypassrls nocreatedb nocreaterole noreplication
      password ${secret}`;
  await tx`grant rollcall_app to ${tx(name)} with inherit false, set true`;
}

async function checkWhatExists(tx: postgres.TransactionSql, name: string): Promise<boolean> {
  const [role] = await tx<{ mighty: boolean; owns: boolean; others: string[] }[]>`
    select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as mighty,
      exists (select from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = r.oid and deptype = 'o') as owns,
      array(select roleid::regrole::text from pg_auth_members
        where member = r.oid and roleid <> 'rollcall_app'::regrole) as others
    from pg_roles r where rolname = ${name}`;
  if (role === undefined) return false;
  const reasons = [
    ...(role.mighty ? ['it may do more than log in (superuser, BYPASSRLS, CREATEROLE or the like)'] : []),
    ...(role.owns ? ['it owns something'] : []),
    ...(role.others.length > 0 ? [`it is a member of ${role.others.join(', ')}`] : []),
  ];
  if (reasons.length === 0) return true;
  throw new ServiceLoginRefused(
    `DATABASE_SERVICE_URL names the login ${name}, which is more than server and worker should have: ${reasons.join('; ')}. Name a login that does not exist yet.`,
  );
}

const ATTEMPTS = 20;

/** Roles belong to the cluster, so whoever migrates another database of it may touch the same row of the catalog. */
function isCollision(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  // unique_violation and duplicate_object: it was made meanwhile. "tuple concurrently updated" has no code of its own.
  return (
    error.code === '23505' || error.code === '42710' || /concurrently (updated|deleted)/.test(error.message)
  );
}

const ITERATIONS = 4096;

/**
 * What PostgreSQL keeps of a password (RFC 5803), made here because PostgreSQL writes statements that fail, or are slow,
 * into its log as they are. Unlike psql it does not normalise the text (SASLprep), because postgres.js does not either.
 */
function scramVerifier(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}
