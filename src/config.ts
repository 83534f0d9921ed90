/** The environment, read once and checked whole: one message names everything that is wrong (product §13). */
import { z } from 'zod';
import { type Given, googleKey, livekitCheck, temporalTls, tokenCheck, type Wrong } from './config-checks.ts';

const seconds = (fallback: number) => z.coerce.number().positive().default(fallback);

const postgresUrl = z.url({ protocol: /^postgres(ql)?$/ });

const variables = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: postgresUrl,
  /** What `migrate` makes; server and worker log in with it where it is given beside the owner's. */
  DATABASE_SERVICE_URL: postgresUrl.optional(),
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
  LIVEKIT_URL: z.url({ protocol: /^(wss?|https?)$/ }).optional(),
  LIVEKIT_API_KEY: z.string().optional(),
  LIVEKIT_API_SECRET: z.string().optional(),
  /**
   * Further keys that may sign webhooks, while rotating: `key:secret,key:secret`, each with `:tenant` where it is one
   * tenant's own. The first key of all that names no tenant signs our calls and tokens; where all name the same, the first.
   */
  LIVEKIT_KEYS: z.string().optional(),
  GOOGLE_SERVICE_ACCOUNT_KEY: z.string().optional(),
  GOOGLE_ROOT_URL: z.url().optional(),
  ROLLCALL_OPEN_LEAD_SECONDS: z.coerce.number().min(0).default(60),
  ROLLCALL_POLL_SECONDS: seconds(180),
  ROLLCALL_VERIFY_SECONDS: seconds(120),
  ROLLCALL_GRACE_SECONDS: z.coerce.number().min(0).default(300),
  ROLLCALL_RETRY_SECONDS: seconds(600),
  ROLLCALL_RETRY_FOR_SECONDS: seconds(604_800),
  ROLLCALL_WEBHOOKS_TO_PRIVATE_NETWORKS: z
    .enum(['true', 'false'], { error: 'expected true or false' })
    .default('false')
    .transform((text) => text === 'true'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** The names of all of them. */
export const CONFIGURED = Object.keys(variables.shape);

export type Config = z.infer<typeof variables>;
export type WorkerConfig = Config & { GOOGLE_SERVICE_ACCOUNT_KEY: string };

export class ConfigError extends Error {
  readonly code = 'bad_configuration';
}

type Environment = Readonly<Record<string, string | undefined>>;
type Check = (given: Given) => Wrong[];

/** Reads the configuration out of `env`. Empty variables count as absent. Throws {@link ConfigError}. */
export function readConfig(env: Environment): Config {
  return readChecked(env, [tokenCheck, temporalTls, livekitCheck]);
}

/** As {@link readConfig}, and with a service account's key that can be used. */
export function readWorkerConfig(env: Environment): WorkerConfig {
  const config = readChecked(env, [tokenCheck, temporalTls, livekitCheck, googleKey]);
  // Present, since `googleKey` has nothing against it.
  return { ...config, GOOGLE_SERVICE_ACCOUNT_KEY: config.GOOGLE_SERVICE_ACCOUNT_KEY ?? '' };
}

function readChecked(env: Environment, checks: readonly Check[]): Config {
  const given = Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
    ),
  );
  const parsed = variables.safeParse(given);
  const wrong = [
    ...(parsed.error?.issues ?? []).map(({ path, message }) => ({ name: path.join('.'), message })),
    ...checks.flatMap((check) => check(given)),
  ];
  if (parsed.success && wrong.length === 0) return parsed.data;
  const lines = wrong.map(({ name, message }) => `  ${name}: ${message}`);
  throw new ConfigError(`the configuration cannot be used:\n${lines.join('\n')}`);
}
