/** The environment, read once and checked whole: one message names everything that is wrong (product §13). */
import { z } from 'zod';

const seconds = (fallback: number) => z.coerce.number().positive().default(fallback);

const variables = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  TEMPORAL_ADDRESS: z.string().regex(/^[^\s/]+:\d+$/, 'expected host:port'),
  TEMPORAL_NAMESPACE: z.string().default('default'),
  TEMPORAL_API_KEY: z.string().optional(),
  TEMPORAL_TLS_CERT: z.string().optional(),
  TEMPORAL_TLS_KEY: z.string().optional(),
  TEMPORAL_TLS_CA: z.string().optional(),
  AUTH_JWT_SECRET: z.string().min(32, 'expected at least 32 characters').optional(),
  AUTH_JWKS_URL: z.url().optional(),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  GOOGLE_SERVICE_ACCOUNT_KEY: z.string().optional(),
  GOOGLE_ROOT_URL: z.url().optional(),
  ROLLCALL_OPEN_LEAD_SECONDS: z.coerce.number().min(0).default(60),
  ROLLCALL_POLL_SECONDS: seconds(180),
  ROLLCALL_VERIFY_SECONDS: seconds(120),
  ROLLCALL_GRACE_SECONDS: z.coerce.number().min(0).default(300),
  ROLLCALL_RETRY_SECONDS: seconds(600),
  ROLLCALL_RETRY_FOR_SECONDS: seconds(604_800),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** The names of all of them. */
export const CONFIGURED = Object.keys(variables.shape);

const environment = variables.refine(
  (env) => (env.AUTH_JWT_SECRET === undefined) !== (env.AUTH_JWKS_URL === undefined),
  {
    path: ['AUTH_JWT_SECRET'],
    message: 'expected exactly one of AUTH_JWT_SECRET (HS256) and AUTH_JWKS_URL',
  },
);

export type Config = z.infer<typeof environment>;

export class ConfigError extends Error {
  readonly code = 'bad_configuration';
}

/** Reads the configuration out of `env`. Empty variables count as absent. Throws {@link ConfigError}. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environment.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(
    (issue) => `  ${issue.path.join('.') || 'environment'}: ${issue.message}`,
  );
  throw new ConfigError(`the configuration cannot be used:\n${lines.join('\n')}`);
}
