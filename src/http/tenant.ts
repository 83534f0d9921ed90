import { z } from 'zod';
import { isPreset } from '../attendance/policy.ts';
import type { Tx } from '../db/client.ts';
import { listPolicies } from '../db/policies.ts';
import { changeTenant, readTenant, type Tenant } from '../db/tenants.ts';
import { line, provider, seconds, slug, timeZone, timings } from './fields.ts';
import { invalid } from './problem.ts';
import { roomPattern } from './room-name.ts';
import { change, type HttpConfig, read } from './route.ts';
import { settingsOf } from './tenant-settings.ts';

const CURRENCIES = new Set(Intl.supportedValuesOf('currency'));

const settings = {
  session_type: slug,
  provider,
  policy: line(100),
  ...timings,
  teacher_missing_after_seconds: seconds(10, 86_400),
  student_missing_after_seconds: seconds(10, 86_400),
  room_pattern: roomPattern,
  identity_form: z.enum(['rollcall', 'itqan']),
};

const tenantSchema = z
  .object({
    tenant_id: z.string(),
    name: z.string(),
    time_zone: z.string(),
    currency: z.string(),
    ...settings,
  })
  .meta({ id: 'Tenant' });

/** Null takes a setting back to the server's default. */
function nullable<S extends Record<string, z.ZodType>>(
  shape: S,
): { [K in keyof S]: z.ZodOptional<z.ZodNullable<S[K]>> } {
  const entries = Object.entries(shape).map(([name, schema]) => [name, schema.nullable().optional()]);
  return Object.fromEntries(entries) as { [K in keyof S]: z.ZodOptional<z.ZodNullable<S[K]>> };
}

const body = z
  .strictObject({
    name: line(200).optional(),
    time_zone: timeZone.optional(),
    currency: z
      .string()
      .refine((code) => CURRENCIES.has(code), { error: 'must be an ISO 4217 currency such as ETB' })
      .optional(),
    ...nullable(settings),
  })
  .meta({ id: 'TenantChange' });

const answers = {
  200: { description: 'The tenant, with the defaults that hold for it', schema: tenantSchema },
};

export const tenantRoutes = [
  read({
    path: '/api/tenant',
    operationId: 'readTenant',
    tag: 'tenant',
    summary: 'What holds for this tenant',
    roles: ['admin', 'operator', 'service'],
    answers,
    handle: async (tx, { tenantId, deps }) => tenantShape(await readTenant(tx, tenantId), deps.config),
  }),
  change({
    method: 'patch',
    path: '/api/tenant',
    operationId: 'changeTenant',
    tag: 'tenant',
    summary: 'Change zone, currency, defaults, timings, room pattern or identity form',
    description:
      'Holds for classes scheduled from now on. Null takes a setting back to the default of the server.',
    roles: ['admin'],
    body,
    answers,
    async handle(tx, { tenantId, deps, body: given }) {
      const { name, time_zone: zone, currency, ...changed } = given;
      if (typeof given.policy === 'string') await mustExist(tx, tenantId, given.policy);
      const tenant = await changeTenant(tx, tenantId, { name, timeZone: zone, currency, settings: changed });
      return { status: 200, body: tenantShape(tenant, deps.config) };
    },
  }),
];

async function mustExist(tx: Tx, tenantId: string, policy: string): Promise<void> {
  if (isPreset(policy)) return;
  const [found] = await listPolicies(tx, tenantId, { after: { name: policy, version: 0 }, limit: 1 });
  if (found?.name === policy) return;
  throw invalid({
    field: 'policy',
    message: 'must be itqan, astegni, musa or a policy of GET /api/policies',
  });
}

function tenantShape(tenant: Tenant, config: HttpConfig): z.output<typeof tenantSchema> {
  return {
    tenant_id: tenant.tenantId,
    name: tenant.name,
    time_zone: tenant.timeZone,
    currency: tenant.currency,
    ...settingsOf(tenant, config),
  };
}
