import type { IncomingMessage, RequestListener } from 'node:http';
import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Database } from '../db/client.ts';
import { createMetrics } from '../metrics.ts';
import { createPresence, type Presence } from '../whiteboard/presence.ts';
import { createCallerLimit } from './caller-limit.ts';
import { mountDocs } from './docs.ts';
import { errorHandler, unknownPath } from './error-handler.ts';
import { createEvidenceBell } from './evidence-bell.ts';
import { mountHealth } from './health.ts';
import { createLive, type Live } from './live.ts';
import { createLiveKitWebhook, LIVEKIT_WEBHOOK_PATH } from './livekit-webhook.ts';
import { mountRoutes } from './mount.ts';
import { Problem } from './problem.ts';
import { requestLog } from './request-log.ts';
import { createRoomNews } from './room-news.ts';
import type { Deps } from './route.ts';
import { ROUTES } from './routes.ts';
import { createWhiteboardSockets, type WhiteboardSockets } from './whiteboard-socket.ts';

type Made = 'evidenceBell' | 'presence' | 'live';
type Usual = 'metrics' | 'callerLimit';
type AppDeps = Omit<Deps, Made | Usual> & Partial<Pick<Deps, Usual>> & { deliveryDb?: Database };

export interface App {
  listener: RequestListener;
  sockets: WhiteboardSockets;
  presence: Presence;
  live: Live;
  express: Express;
  /** Resolves when every delivery that was taken in is committed or refused. */
  drained(): Promise<void>;
}

/** The HTTP interface (product §8), ready to be put on a server. Starts nothing and owns none of its dependencies. */
export function createApp(given: AppDeps): App {
  const outside = {
    ...given,
    metrics: given.metrics ?? createMetrics(),
    callerLimit: given.callerLimit ?? createCallerLimit(),
  };
  const presence = createPresence(outside);
  const live = createLive(outside);
  const deps: Deps = { ...outside, evidenceBell: createEvidenceBell(outside), presence, live };
  const app = createExpress(deps);
  const keys = deps.livekit?.keys ?? [];
  const { deliveryDb = deps.db } = given;
  const webhook = createLiveKitWebhook({ ...deps, deliveryDb, keys, news: createRoomNews(deps) });
  return {
    listener(req, res) {
      if (isDelivery(req)) void webhook.handle(req, res);
      else app(req, res);
    },
    express: app,
    sockets: createWhiteboardSockets(deps),
    presence,
    live,
    drained: webhook.drained,
  };
}

// Also as Express would take it: LiveKit counts any 4xx as delivered, so a slash too many would lose everything.
const DELIVERY_URL = new RegExp(`^${LIVEKIT_WEBHOOK_PATH}/?(?:\\?|$)`, 'i');

const isDelivery = ({ method, url = '' }: IncomingMessage): boolean =>
  method === 'POST' && DELIVERY_URL.test(url);

function createExpress(deps: Deps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(requestLog(deps.log, deps.metrics));
  app.use(helmet({ contentSecurityPolicy: { useDefaults: false, directives: CONTENT } }));
  mountHealth(app, deps);
  mountDocs(app, ROUTES);
  mountRoutes(app, ROUTES, deps);
  app.all(LIVEKIT_WEBHOOK_PATH, () => {
    throw new Problem('method-not-allowed', 'this path takes POST', { headers: { Allow: 'POST' } });
  });
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
