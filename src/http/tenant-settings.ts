import { ALARM_AFTER_SECONDS } from '../alerts/watch-classes.ts';
import { DEFAULT_ROOM_PATTERN } from '../db/room-name.ts';
import type { TenantSettings } from '../db/schema.ts';
import type { Tenant } from '../db/tenants.ts';
import type { HttpConfig } from './route.ts';

/** What holds for a tenant: its own settings, and the server's where it has none. */
export function settingsOf(
  { settings }: Pick<Tenant, 'settings'>,
  config: HttpConfig,
): Required<TenantSettings> {
  return {
    session_type: 'academic',
    provider: 'meet',
    policy: 'itqan',
    open_lead_seconds: Math.round(config.ROLLCALL_OPEN_LEAD_SECONDS),
    // Rounded up: a class is never checked without a pause.
    poll_seconds: Math.ceil(config.ROLLCALL_POLL_SECONDS),
    verify_seconds: Math.ceil(config.ROLLCALL_VERIFY_SECONDS),
    grace_seconds: Math.round(config.ROLLCALL_GRACE_SECONDS),
    teacher_missing_after_seconds: ALARM_AFTER_SECONDS.teacher,
    student_missing_after_seconds: ALARM_AFTER_SECONDS.student,
    room_pattern: DEFAULT_ROOM_PATTERN,
    identity_form: 'rollcall',
    ...settings,
  };
}
