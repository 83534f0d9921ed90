import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import express, { type Application, type RequestHandler, type Response } from 'express';
import { isUuid } from '../uuid.ts';
import { tenantAdmission } from './admission.ts';
import { authenticator, type Caller } from './authentication.ts';
import { brokenBody, invalid, notFound, Problem } from './problem.ts';
import type { Deps, RawCall, Route } from './route.ts';

/** Puts the routes on the server: who is it, may they, how often, which id, which body, and then the work. */
export function mountRoutes(app: Application, routes: readonly Route[], deps: Deps): void {
  const identify = identification(deps);
  for (const route of routes) {
    const steps = [
      named(route),
      identify,
      allowed(route),
      deps.callerLimit.handler,
      identified(route),
      ...body(route),
      worked(route, deps),
    ];
    app[route.method](expressPath(route.path), ...steps);
  }
  for (const [path, methods] of methodsByPath(routes)) {
    app.all(path, () => {
      throw new Problem('method-not-allowed', `this path takes ${methods}`, { headers: { Allow: methods } });
    });
  }
}

const expressPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ':$1');

const callerOf = (res: Response): Caller => res.locals.caller as Caller;

function named({ path }: Route): RequestHandler {
  return (_req, res, next) => {
    res.locals.route = path;
    next();
  };
}

function identification({ config, db }: Deps): RequestHandler {
  const authenticate = authenticator(config);
  const admit = tenantAdmission(db);
  return async (req, res, next) => {
    const caller = await authenticate(req.headers.authorization);
    await admit(caller);
    res.locals.caller = caller;
    next();
  };
}

function allowed({ roles }: Route): RequestHandler {
  return (_req, res, next) => {
    const { role } = callerOf(res);
    if (!roles.includes(role)) {
      throw new Problem('not-allowed', `role "${role}" may not do that; it takes ${roles.join(' or ')}`);
    }
    next();
  };
}

const NAMED_BY_ID: Record<string, string> = {
  identities: 'identity',
  people: 'person',
  webhooks: 'webhook endpoint',
};

/** An id that cannot be one names nothing, like an id that is not there. */
function identified({ path, tag }: Route): RequestHandler {
  const parameter = /\{(\w+)\}/.exec(path)?.[1];
  return (req, res, next) => {
    const id = parameter === undefined ? '' : String(req.params[parameter]);
    if (parameter !== undefined && !isUuid(id)) throw notFound(NAMED_BY_ID[tag] ?? 'class');
    res.locals.id = id.toLowerCase();
    next();
  };
}

function body({ method, bodyLimit }: Route): RequestHandler[] {
  if (method === 'get') return [];
  const isJson: RequestHandler = (req, _res, next) => {
    const empty =
      req.headers['transfer-encoding'] === undefined && !(Number(req.headers['content-length']) > 0);
    if (!empty && !req.is('application/json')) {
      throw new Problem(
        'not-json',
        `the body is ${req.headers['content-type'] ?? 'of no type'}; send application/json`,
      );
    }
    next();
  };
  const verify = (_req: unknown, _res: unknown, bytes: Buffer): void => {
    if (!isUtf8(bytes)) throw brokenBody('must be text in UTF-8');
  };
  return [isJson, express.json({ limit: bodyLimit, strict: false, verify })];
}

function worked(route: Route, deps: Deps): RequestHandler {
  return async (req, res) => {
    const caller = callerOf(res);
    const raw: RawCall = {
      caller,
      id: res.locals.id,
      query: req.query,
      body: req.body,
      ifMatch: req.headers['if-match'],
      idempotency: null,
    };
    if (route.method !== 'get') raw.idempotency = idempotencyOf(req.headers['idempotency-key'], caller, req);
    if (route.open) {
      // A stream has no end to ask for the head of.
      if (req.method === 'HEAD')
        throw new Problem('method-not-allowed', 'this path takes GET', { headers: { Allow: 'GET' } });
      await route.open(deps, raw, { res, lastEventId: req.get('last-event-id') });
      return;
    }
    const answer = await route.run(deps, raw);
    if (answer.replayed) res.set('Idempotent-Replayed', 'true');
    if (route.etag) {
      res.set('ETag', (answer.body as { etag: string }).etag);
      // Such a tag names what can be changed; the rest of the body may differ under the same one.
      delete req.headers['if-none-match'];
    }
    res.set('Cache-Control', 'no-store').status(answer.status).json(answer.body);
  };
}

/** Keys belong to whoever sent them: another caller of the tenant may use the same one. */
function idempotencyOf(
  key: string | string[] | undefined,
  { sub }: Caller,
  { method, originalUrl, body: sent }: { method: string; originalUrl: string; body: unknown },
): RawCall['idempotency'] {
  if (key === undefined) return null;
  if (typeof key !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw invalid({ field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' });
  }
  const request = JSON.stringify([method, originalUrl, sent ?? null]);
  return { key: `${sub} ${key}`, requestHash: createHash('sha256').update(request).digest('hex') };
}

function methodsByPath(routes: readonly Route[]): Map<string, string> {
  const methods = new Map<string, string>();
  for (const { path, method } of routes) {
    const key = expressPath(path);
    const name = method.toUpperCase();
    methods.set(key, methods.has(key) ? `${methods.get(key)}, ${name}` : name);
  }
  return methods;
}
