import type { NextFunction, Request, Response } from 'express';
import type { CallLog } from './call-log.ts';
import { routeOf } from './call-log.ts';
import type { FaultBoard } from './faults.ts';
import { errorForPath, GoogleError } from './google-errors.ts';

/** Logs every call and lets a planted fault take its place. */
export function faultMiddleware(deps: {
  faults: FaultBoard;
  calls: CallLog;
  now(): number;
  subjectOf(authorization: string | undefined): string | null;
}) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const entry = {
      atMs: deps.now(),
      route: routeOf(req.method, req.path),
      url: req.originalUrl,
      subject: deps.subjectOf(req.headers.authorization),
    };
    const fault = deps.faults.take(`${req.method} ${req.originalUrl}`);
    if (fault?.hang) {
      deps.calls.add({ ...entry, status: 'hung' });
      return;
    }
    if (fault?.drop) {
      deps.calls.add({ ...entry, status: 'dropped' });
      req.socket.destroy();
      return;
    }
    res.on('finish', () => deps.calls.add({ ...entry, status: res.statusCode }));
    if (fault?.status !== undefined) {
      const headers: Record<string, string> =
        fault.retry_after === undefined ? {} : { 'Retry-After': String(fault.retry_after) };
      throw errorForPath(req.path, fault.status, fault, headers);
    }
    res.locals.hideRows = fault?.hide_rows ?? 0;
    next();
  };
}

/** Express knows an error handler by its four parameters. */
export function sendGoogleError(error: unknown, _req: Request, res: Response, next: NextFunction): void {
  if (error instanceof GoogleError) res.status(error.status).set(error.headers).json(error.body);
  else next(error);
}
