import { attendanceRoutes } from './attendance.ts';
import { attendanceLogsRoute } from './attendance-logs.ts';
import { classRoutes } from './classes.ts';
import { eventsRoute } from './events.ts';
import { identityRoutes } from './identities.ts';
import { importRoute } from './import-events.ts';
import { policyRoutes } from './policies.ts';
import type { Route } from './route.ts';
import { scheduleRoute } from './schedule.ts';
import { sourceRoutes } from './sources.ts';
import { syncRoutes } from './sync.ts';
import { tenantRoutes } from './tenant.ts';

/** Every call that needs a token; a new resource is a file of its own and one line here. */
export const ROUTES: readonly Route[] = [
  scheduleRoute,
  ...classRoutes,
  ...attendanceRoutes,
  eventsRoute,
  importRoute,
  ...sourceRoutes,
  ...identityRoutes,
  ...policyRoutes,
  ...tenantRoutes,
  attendanceLogsRoute,
  ...syncRoutes,
];
