import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';

const MIGRATIONS = new URL('../../drizzle', import.meta.url).pathname;
/** Any constant: two servers that start together must not migrate at once. */
const LOCK = 7_265_443_100n;

/** Brings the database up to date. Runs as the owner of the tables, the login in `ownerUrl`. */
export async function migrate(ownerUrl: string): Promise<void> {
  const client = postgres(ownerUrl, { max: 1, onnotice: () => {} });
  try {
    await client`select pg_advisory_lock(${LOCK.toString()})`;
    await runMigrations(drizzle(client), { migrationsFolder: MIGRATIONS });
  } finally {
    await client.end({ timeout: 5 });
  }
}
