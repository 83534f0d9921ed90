import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import { type Database, openDatabase } from './client.ts';

/** Made and migrated once a run; every test file gets a copy. */
export const TEMPLATE = 'rollcall_template';

export interface TestDatabase {
  /** As the owner of the tables. */
  ownerUrl: string;
  /** As the app role. */
  db: Database;
  drop(): Promise<void>;
}

/** A fresh, migrated database on the run's PostgreSQL. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('postgresUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const server = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await server`create database ${server(name)} template ${server(TEMPLATE)}`;
  const ownerUrl = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  const db = openDatabase(ownerUrl, 'rollcall-test');
  return {
    ownerUrl,
    db,
    async drop() {
      await db.close();
      await server`drop database ${server(name)} with (force)`;
      await server.end();
    },
  };
}
