import { sql } from 'drizzle-orm';
import type { Logger } from 'pino';
import type { Database } from './client.ts';

/**
 * Says once, at the start of a process, that its login could lift row security by `SET ROLE NONE`. No more than that:
 * there are installations with one login. Says nothing when the database does not answer, which is told elsewhere.
 */
export async function warnOfPowerfulLogin(db: Database, log: Logger): Promise<void> {
  const reason = await powerOf(db).catch(() => null);
  if (reason === null) return;
  log.warn(
    { reason },
    `the login of DATABASE_URL ${reason}, so row security ends where somebody takes its role off. Set DATABASE_SERVICE_URL to a login of its own, which \`rollcall migrate\` makes, and give that to server and worker`,
  );
}

async function powerOf(db: Database): Promise<string | null> {
  const [login] = await db.orm.execute<{ mighty: boolean; owns: boolean }>(sql`
    select rolsuper or rolbypassrls as mighty,
      exists (select from pg_class where relnamespace = current_schema()::regnamespace
        and relkind = 'r' and pg_has_role(session_user, relowner, 'MEMBER')) as owns
    from pg_roles where rolname = session_user`);
  if (login?.mighty) return 'is a superuser or may bypass row security';
  return login?.owns ? 'owns the tables' : null;
}
