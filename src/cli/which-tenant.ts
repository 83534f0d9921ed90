import { type Database, inTenant } from '../db/client.ts';
import { findOnlyTenant, findTenantsOf, listTenants } from '../db/find-tenants.ts';
import { tenantExists } from '../db/tenants.ts';
import { WrongUsage } from './wrong-usage.ts';

/**
 * Which school a command means: the one that is named, the one that has the class, where the login may look for it, or
 * the only one.
 */
export async function whichTenant(
  db: Database,
  { tenant, classId }: { tenant: string | undefined; classId?: string | undefined },
): Promise<string> {
  if (tenant !== undefined) {
    if (await inTenant(db, tenant, (tx) => tenantExists(tx, tenant))) return tenant;
    throw new Error(`there is no school "${tenant}"${inBrackets(await listTenants(db))}.`);
  }
  const having = classId === undefined ? [] : await findTenantsOf(db, classId);
  const only = having.length === 1 ? having[0] : await findOnlyTenant(db);
  if (only) return only;
  const all = await listTenants(db);
  if (classId !== undefined && all.length > 0 && having.length === 0) {
    throw new Error(`there is no class ${classId} in any school.`);
  }
  throw new WrongUsage(
    all.length > 0
      ? `there are several schools, say which with --tenant${inBrackets(all)}.`
      : 'there is no school yet, or there are several: say which with --tenant.',
  );
}

const inBrackets = (names: string[]): string => (names.length === 0 ? '' : ` (${names.join(', ')})`);
