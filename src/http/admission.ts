import { type Database, inTenant } from '../db/client.ts';
import { ensureTenant, tenantExists } from '../db/tenants.ts';
import type { Caller, Role } from './authentication.ts';
import { Problem } from './problem.ts';

/** Whose first valid token brings a tenant into being (product §10). */
const FOUNDERS: readonly Role[] = ['admin', 'service'];

/** Lets a caller in when the tenant exists. Remembers those that do: tenants are never removed. */
export function tenantAdmission(db: Database): (caller: Caller) => Promise<void> {
  const known = new Set<string>();
  return async ({ tenantId, role }) => {
    if (known.has(tenantId)) return;
    const exists = await inTenant(db, tenantId, async (tx) => {
      if (await tenantExists(tx, tenantId)) return true;
      if (FOUNDERS.includes(role)) await ensureTenant(tx, tenantId);
      return FOUNDERS.includes(role);
    });
    if (!exists) {
      throw new Problem(
        'not-allowed',
        `there is no tenant "${tenantId}" yet; it comes to exist with the first token of an admin or a service`,
      );
    }
    known.add(tenantId);
  };
}
