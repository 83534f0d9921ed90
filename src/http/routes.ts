import { attendanceRoutes } from './attendance.ts';
import { attendanceLogsRoute } from './attendance-logs.ts';
import { classRoutes } from './classes.ts';
import { eventsRoute } from './events.ts';
import { identityRoutes } from './identities.ts';
import { importRoute } from './import-events.ts';
import { joinRoute } from './join.ts';
import { policyRoutes } from './policies.ts';
import type { Route } from './route.ts';
import { scheduleRoute } from './schedule.ts';
import { setAsideRoute } from './set-aside.ts';
import { sourceRoutes } from './sources.ts';
import { syncRoutes } from './sync.ts';
import { tenantRoutes } from './tenant.ts';

/** Every call that needs a token; a new resource is a file of its own and one line here. */
export const ROUTES: readonly Route[] = [
  scheduleRoute,
  ...classRoutes,
  joinRoute,
  ...attendanceRoutes,
  eventsRoute,
  setAsideRoute,
  importRoute,
  ...sourceRoutes,
  ...identityRoutes,
  ...policyRoutes,
  ...tenantRoutes,
  attendanceLogsRoute,
  ...syncRoutes,
];
