import { eq } from 'drizzle-orm';
import type { IdentityForm } from '../livekit/identity-form.ts';
import type { Tx } from './client.ts';
import { type TenantSettings, tenants } from './schema.ts';

export type Tenant = typeof tenants.$inferSelect;

export async function tenantExists(tx: Tx, tenantId: string): Promise<boolean> {
  const found = await tx.select({ id: tenants.tenantId }).from(tenants).where(eq(tenants.tenantId, tenantId));
  return found.length > 0;
}

export async function ensureTenant(tx: Tx, tenantId: string): Promise<void> {
  await tx.insert(tenants).values({ tenantId, name: tenantId }).onConflictDoNothing();
}

export async function readTenant(tx: Tx, tenantId: string): Promise<Tenant> {
  const [found] = await tx.select().from(tenants).where(eq(tenants.tenantId, tenantId));
  if (!found) throw new Error(`tenant ${tenantId} was admitted but has no row`);
  return found;
}

/** How the tenant writes who somebody is into a LiveKit identity. */
export async function readIdentityForm(tx: Tx, tenantId: string): Promise<IdentityForm> {
  const [found] = await tx
    .select({ settings: tenants.settings })
    .from(tenants)
    .where(eq(tenants.tenantId, tenantId));
  return found?.settings.identity_form ?? 'rollcall';
}

export interface TenantChange {
  name?: string | undefined;
  timeZone?: string | undefined;
  currency?: string | undefined;
  /** Null takes a setting back to the server's default. */
  settings: { [K in keyof TenantSettings]?: TenantSettings[K] | null | undefined };
}

export async function changeTenant(tx: Tx, tenantId: string, change: TenantChange): Promise<Tenant> {
  const [before] = await tx.select().from(tenants).where(eq(tenants.tenantId, tenantId)).for('update');
  const merged = Object.entries({ ...before?.settings, ...change.settings });
  const settings: TenantSettings = Object.fromEntries(
    merged.filter(([, value]) => value !== null && value !== undefined),
  );
  const [after] = await tx
    .update(tenants)
    .set({ name: change.name, timeZone: change.timeZone, currency: change.currency, settings })
    .where(eq(tenants.tenantId, tenantId))
    .returning();
  if (!after) throw new Error(`tenant ${tenantId} was admitted but has no row`);
  return after;
}
