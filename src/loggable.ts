/** An error as it may be logged: what broke and where, without the values of a statement, which may name people. */
export function loggable(error: unknown): Record<string, unknown> {
  const broken = innermost(error);
  if (!(broken instanceof Error)) return { message: String(broken) };
  const at = broken.stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? [];
  return {
    type: broken.constructor.name,
    message: broken.message,
    ...('code' in broken ? { code: broken.code } : {}),
    stack: at.join('\n'),
  };
}

/** Drizzle wraps what PostgreSQL said in an error whose message holds the parameters. */
function innermost(error: unknown): unknown {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner;
}
