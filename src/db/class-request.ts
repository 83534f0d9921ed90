/** What a class was asked for, kept so that the same `external_id` must ask for the same. */
import type { ClassDetails } from './class-details.ts';

/** Under the names of the API. */
export interface AskedFor {
  fields: Record<string, unknown>;
  /** The fields that the request left to the defaults; they may change without making it another request. */
  defaulted: string[];
}

export interface Difference {
  field: string;
  existing: unknown;
  requested: unknown;
}

/** A class in the words of the API, each in one form: whoever asks for the same in other words asks for this. */
export function askedFields(details: ClassDetails): Record<string, unknown> {
  return {
    teacher_email: details.teacherEmail,
    student_emails: [...details.studentEmails].sort(),
    subject: details.subject,
    start_time: new Date(details.startMs).toISOString(),
    end_time: new Date(details.endMs).toISOString(),
    session_type: details.sessionType,
    provider: details.provider,
    meeting_code: details.meetingCode,
    policy: details.policy,
    time_zone: details.timeZone,
    open_lead_seconds: details.openLeadSeconds,
    poll_seconds: details.pollSeconds,
    verify_seconds: details.verifySeconds,
    grace_seconds: details.graceSeconds,
  };
}

export function differencesOf(existing: AskedFor, requested: AskedFor): Difference[] {
  const left = (asked: AskedFor, field: string) => asked.defaulted.includes(field);
  return Object.keys({ ...existing.fields, ...requested.fields })
    .sort()
    .map((field) => ({
      field,
      existing: existing.fields[field] ?? null,
      requested: requested.fields[field] ?? null,
    }))
    .filter((one) => JSON.stringify(one.existing) !== JSON.stringify(one.requested))
    .filter(({ field }) => !(left(existing, field) && left(requested, field)));
}

/** The fields in which a class differs from what it was, as they are now. */
export function changedFields(before: ClassDetails, after: ClassDetails): Record<string, unknown> {
  const was = askedFields(before);
  const entries = Object.entries(askedFields(after));
  return Object.fromEntries(entries.filter(([name, is]) => JSON.stringify(is) !== JSON.stringify(was[name])));
}

/**
 * The request that would make the class as it is after a change: whoever sends the present state asks for what is
 * there. What was changed is no longer left to the defaults.
 */
export function followChange(asked: AskedFor, changed: Record<string, unknown>): AskedFor {
  return {
    fields: { ...asked.fields, ...changed },
    defaulted: asked.defaulted.filter((field) => !Object.hasOwn(changed, field)),
  };
}
