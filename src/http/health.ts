import { sql } from 'drizzle-orm';
import type { Express, RequestHandler } from 'express';
import type { Deps } from './route.ts';
import { within } from './within.ts';

const PATIENCE_MS = 2_000;

export function mountHealth(app: Express, deps: Deps): void {
  const { db, workflows, metrics } = deps;

  app.get('/healthz', at('/healthz'), (_req, res) => {
    res.json({ status: 'ok' });
  });

  app.get('/readyz', at('/readyz'), async (_req, res) => {
    const [database, temporal] = await Promise.all([
      answers(async () => void (await db.orm.execute(sql`select 1`))),
      answers(async () => {
        if (!(await workflows.isReachable())) throw new Error('Temporal cannot be reached');
      }),
    ]);
    const ready = database && temporal;
    const word = (up: boolean) => (up ? 'up' : 'down');
    if (!ready) res.set('Retry-After', '2');
    res.status(ready ? 200 : 503).json({
      status: ready ? 'ready' : 'not_ready',
      database: word(database),
      temporal: word(temporal),
    });
  });

  app.get('/metrics', at('/metrics'), async (_req, res) => {
    res.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
}

function at(route: string): RequestHandler {
  return (_req, res, next) => {
    res.locals.route = route;
    next();
  };
}

async function answers(probe: () => Promise<void>): Promise<boolean> {
  try {
    await within(PATIENCE_MS, probe());
    return true;
  } catch {
    return false;
  }
}
