import express, { type Express } from 'express';
import helmet from 'helmet';
import { createMetrics } from '../metrics.ts';
import { mountDocs } from './docs.ts';
import { errorHandler, unknownPath } from './error-handler.ts';
import { createEvidenceBell } from './evidence-bell.ts';
import { mountHealth } from './health.ts';
import { mountRoutes } from './mount.ts';
import { requestLog } from './request-log.ts';
import type { Deps } from './route.ts';
import { ROUTES } from './routes.ts';

type AppDeps = Omit<Deps, 'metrics' | 'evidenceBell'> & Partial<Pick<Deps, 'metrics'>>;

/** The HTTP interface (product §8), ready to be put on a server. Starts nothing and owns none of its dependencies. */
export function createApp(given: AppDeps): Express {
  const outside = { ...given, metrics: given.metrics ?? createMetrics() };
  const deps: Deps = { ...outside, evidenceBell: createEvidenceBell(outside) };
  const app = express();
  app.disable('x-powered-by');
  app.use(requestLog(deps.log, deps.metrics));
  app.use(helmet({ contentSecurityPolicy: { useDefaults: false, directives: CONTENT } }));
  mountHealth(app, deps);
  mountDocs(app, ROUTES);
  mountRoutes(app, ROUTES, deps);
  app.use(unknownPath);
  app.use(errorHandler(deps.log, deps.metrics));
  return app;
}

/** Everything comes from this server; the API pages draw their icons from data URIs. */
const CONTENT = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
};
