/**
 * Which schools there are, for commands of an operator. The role that server and worker work in sees one tenant at a
 * time; whoever logs in as the owner of the tables may look across them, and learns names and ids, and what is nobody's.
 */
import { desc, eq, getTableColumns, isNull, sql } from 'drizzle-orm';
import { type Database, databaseUnavailable, type Tx } from './client.ts';
import { classes, setAside, tenants } from './schema.ts';

/** In order; none when there is no school yet, and when the login may not look. */
export async function listTenants(db: Database): Promise<string[]> {
  const rows = await asLogin(db, (tx) =>
    tx.select({ id: tenants.tenantId }).from(tenants).orderBy(tenants.tenantId),
  );
  return (rows ?? []).map(({ id }) => id);
}

/** Whose class that is; nobody's also when the login may not look. */
export async function findTenantsOf(db: Database, classId: string): Promise<string[]> {
  const rows = await asLogin(db, (tx) =>
    tx.select({ id: classes.tenantId }).from(classes).where(eq(classes.id, classId)),
  );
  return (rows ?? []).map(({ id }) => id);
}

/**
 * Signed deliveries that are no school's, or that of one that is not there (as the key of LIVEKIT_KEYS has it), the latest first;
 * null when the login may not look.
 */
export async function listNobodys(
  db: Database,
  most: number,
): Promise<(typeof setAside.$inferSelect)[] | null> {
  return await asLogin(db, (tx) =>
    tx
      .select(getTableColumns(setAside))
      .from(setAside)
      .leftJoin(tenants, eq(tenants.tenantId, setAside.tenantId))
      .where(isNull(tenants.tenantId))
      .orderBy(desc(setAside.id))
      .limit(most),
  );
}

/** The school, while there is only one: every login is told whose a room is that no class and no pattern claims. */
export async function findOnlyTenant(db: Database): Promise<string | null> {
  const [owner] = await db.orm
    .execute<{ tenant_id: string }>(
      sql`select tenant_id from rollcall_room_owners(array[null]::text[], array[null]::text[], '')`,
    )
    .catch((error: unknown) => {
      throw databaseUnavailable(error) ?? error;
    });
  return owner?.tenant_id ?? null;
}

/** insufficient_privilege */
const REFUSED = '42501';

/** With the rights of the login itself, which are fewer than those of the role or more; null where they do not suffice. */
async function asLogin<T>(db: Database, read: (tx: Tx) => Promise<T[]>): Promise<T[] | null> {
  try {
    return await db.orm.transaction(async (tx) => {
      await tx.execute(sql`set local role none`);
      return await read(tx);
    });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && 'code' in cause && cause.code === REFUSED) return null;
    throw databaseUnavailable(error) ?? error;
  }
}
