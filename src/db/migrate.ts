import { resolve } from 'node:path';
import { DrizzleQueryError } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { databaseUnavailable } from './client.ts';
import { ensureServiceLogin } from './service-login.ts';

const MIGRATIONS = resolve(import.meta.dirname, '../../drizzle');
/** Any constant: two servers that start together must not migrate at once. */
const LOCK = 7_265_443_100n;

/**
 * Brings the database up to date, as the owner of the tables, and then makes the login of server and worker.
 * @param ownerUrl the owner's login
 * @param serviceUrl names the other login and its password; none is made when it is left out
 */
export async function migrate(ownerUrl: string, serviceUrl?: string): Promise<void> {
  const client = postgres(ownerUrl, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    await client`select pg_advisory_lock(${LOCK.toString()})`;
    await runMigrations(drizzle(client), { migrationsFolder: MIGRATIONS });
    if (serviceUrl !== undefined) await ensureServiceLogin(client, serviceUrl);
  } catch (error) {
    throw databaseUnavailable(error) ?? migrationFailed(error) ?? error;
  } finally {
    await client.end({ timeout: 5 });
  }
}

/** PostgreSQL's reason alone: the message of Drizzle is the whole text of the migration. */
function migrationFailed(error: unknown): Error | null {
  if (!(error instanceof DrizzleQueryError)) return null;
  return new Error(`the migration failed: ${error.cause?.message ?? 'PostgreSQL gave no reason'}`, {
    cause: error,
  });
}
