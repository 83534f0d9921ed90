/** The URL of a database out of the environment variable `name`; undefined when it is not set. */
export function databaseUrl(
  env: NodeJS.ProcessEnv,
  name: 'DATABASE_URL' | 'DATABASE_SERVICE_URL',
): string | undefined {
  const url = env[name];
  if (!url) return undefined;
  // Not shown: it holds a password.
  if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return url;
  throw new Error(`${name} is no URL of PostgreSQL: expected postgresql://name:password@host:port/database.`);
}
