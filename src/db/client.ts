/**
 * The way to the database. Every statement about a tenant runs inside {@link inTenant}: a transaction in which
 * PostgreSQL itself hides the rows of everybody else. The pool works as `rollcall_app`, which owns nothing; what it logs
 * in as should own nothing either (service-login.ts), or one `SET ROLE NONE` would lift all of this.
 */
import { sql } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import * as schema from './schema.ts';

export interface Database {
  orm: PostgresJsDatabase<typeof schema>;
  /** For the one statement that is sent thousands of times a second: it is planned once for a connection. */
  sql: postgres.Sql;
  /** A connection outside the pool, for whoever keeps one. Its maker ends it. */
  another(): postgres.Sql;
  close(): Promise<void>;
}
/** What `orm.transaction` hands to its work. */
export type Tx = Parameters<Parameters<Database['orm']['transaction']>[0]>[0];

/** Names one class; the two ids travel together because neither means anything alone. */
export interface ClassRef {
  tenantId: string;
  classId: string;
}

/** One class as one string; neither id has a space in it. */
export const classKey = ({ tenantId, classId }: ClassRef): string => `${tenantId} ${classId}`;

export function openDatabase(url: string, applicationName: string, poolSize = 10): Database {
  const options = {
    connect_timeout: 5,
    // The first retry comes at once: a database that is back must be seen as back.
    backoff: (tries: number) => Math.min(1, 0.05 * 2 ** tries),
    onnotice: () => {},
    connection: {
      application_name: applicationName,
      role: 'rollcall_app',
      statement_timeout: 15_000,
      idle_in_transaction_session_timeout: 30_000,
    },
  };
  const client = postgres(url, { ...options, max: poolSize });
  return {
    orm: drizzle(client, { schema }),
    sql: client,
    another: () => postgres(url, { ...options, max: 1 }),
    close: () => client.end({ timeout: 5 }),
  };
}

/** Runs `work` in one transaction that sees the rows of `tenantId` only. */
export async function inTenant<T>(db: Database, tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
  try {
    return await db.orm.transaction(async (tx) => {
      await tx.execute(sql`select set_config('app.tenant', ${tenantId}, true)`);
      return await work(tx);
    });
  } catch (error) {
    throw databaseUnavailable(error) ?? error;
  }
}

/** PostgreSQL cannot be reached, is starting or going down. Nothing was committed, or the answer to the commit was lost. */
export class DatabaseUnavailable extends Error {
  readonly code = 'database_unavailable';
  constructor(cause: unknown) {
    super(`the database cannot be reached: ${reasonOf(cause)}`, { cause });
  }
}

/** Where a name has several addresses Node tries each, and its AggregateError of all has no message. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(reasonOf).join(', ');
  return cause.message;
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  // Of the name service.
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  '53300', // too_many_connections
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
]);

/** What `error` is, when it comes from a PostgreSQL that is not there. */
export function databaseUnavailable(error: unknown): DatabaseUnavailable | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof DatabaseUnavailable) return cause;
    const code = 'code' in cause ? String(cause.code) : '';
    if (CONNECTION_CODES.has(code) || code.startsWith('08')) return new DatabaseUnavailable(cause);
  }
  return null;
}
