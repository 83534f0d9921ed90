import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import { type Database, openDatabase } from './client.ts';

/** Made and migrated once a run; every test file gets a copy. */
export const TEMPLATE = 'rollcall_template';

export interface TestDatabase {
  /** As the owner of the tables. */
  ownerUrl: string;
  /** The login of server and worker, which owns nothing. */
  serviceUrl: string;
  /** As server and worker: that login, in the app role. */
  db: Database;
  drop(): Promise<void>;
}

/** A fresh, migrated database on the run's PostgreSQL. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('postgresUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  const server = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await server`create database ${server(name)} template ${server(TEMPLATE)}`;
  const inIt = (url: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href;
  const serviceUrl = inIt(inject('postgresServiceUrl'));
  const db = openDatabase(serviceUrl, 'rollcall-test');
  return {
    ownerUrl: inIt(serverUrl),
    serviceUrl,
    db,
    async drop() {
      await db.close();
      await server`drop database ${server(name)} with (force)`;
      await server.end();
    },
  };
}
