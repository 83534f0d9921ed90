import { attendanceRoutes } from './attendance.ts';
import { attendanceLogsRoute } from './attendance-logs.ts';
import { classRoutes } from './classes.ts';
import { eventsRoute } from './events.ts';
import { guardianRoutes } from './guardians.ts';
import { identityRoutes } from './identities.ts';
import { importRoute } from './import-events.ts';
import { joinRoute } from './join.ts';
import { liveRoute } from './live.ts';
import { markHistoryRoute } from './mark-history.ts';
import { markingRoute } from './marking.ts';
import { policyRoutes } from './policies.ts';
import { reportsRoute } from './reports.ts';
import type { Route } from './route.ts';
import { scheduleRoute } from './schedule.ts';
import { setAsideRoute } from './set-aside.ts';
import { sourceRoutes } from './sources.ts';
import { suggestionRoute } from './suggestion.ts';
import { syncRoutes } from './sync.ts';
import { tenantRoutes } from './tenant.ts';
import { webhookRoutes } from './webhooks.ts';
import { whiteboardRoutes } from './whiteboard.ts';

/** Every call that needs a token; a new resource is a file of its own and one line here. */
export const ROUTES: readonly Route[] = [
  scheduleRoute,
  ...classRoutes,
  joinRoute,
  ...attendanceRoutes,
  suggestionRoute,
  markingRoute,
  markHistoryRoute,
  eventsRoute,
  setAsideRoute,
  importRoute,
  ...sourceRoutes,
  ...identityRoutes,
  ...guardianRoutes,
  ...policyRoutes,
  ...tenantRoutes,
  attendanceLogsRoute,
  reportsRoute,
  ...syncRoutes,
  ...whiteboardRoutes,
  liveRoute,
  ...webhookRoutes,
];
