import { z } from 'zod';

/**
 * What the control calls under `/_simulator/` accept, in JSON. Times are UTC milliseconds or ISO 8601 with an offset.
 * The server checks with these schemas and the control client takes its types from them.
 */
const instant = z
  .union([z.number().int(), z.iso.datetime({ offset: true })])
  .transform((at) => (typeof at === 'number' ? at : Date.parse(at)));
const seconds = z.number().nonnegative();

export const userSchema = z.strictObject({
  email: z.email(),
  /** Digits, as Google's own ids; derived from the e-mail when left out. */
  id: z.string().min(1).optional(),
  name: z.string().optional(),
});

export const spaceSchema = z.strictObject({
  /** E-mail of the organizer, who alone may read the conference records. */
  owner: z.email(),
  meeting_code: z.string().min(1).optional(),
  name: z.string().startsWith('spaces/').optional(),
});

const sessionSchema = z.strictObject({
  start: instant,
  /** Absent or null: the server never learns that it ended. */
  end: instant.nullish(),
});

const sessions = z.array(sessionSchema).min(1).readonly();
const participantSchema = z.discriminatedUnion('kind', [
  /** `email` is a directory user (made if new); `user_id` alone is somebody the directory does not know. */
  z.strictObject({
    kind: z.literal('signed_in'),
    email: z.email().optional(),
    user_id: z.string().optional(),
    display_name: z.string().optional(),
    sessions,
  }),
  z.strictObject({ kind: z.literal('anonymous'), display_name: z.string(), sessions }),
  z.strictObject({ kind: z.literal('phone'), display_name: z.string(), sessions }),
]);

export const conferenceSchema = z.strictObject({
  /** `spaces/…` or a meeting code. */
  space: z.string().min(1),
  /** Default: the first session. */
  start: instant.optional(),
  /** Absent or null: it goes on. */
  end: instant.nullish(),
  /** Everything appears only that much later than it happened. */
  late_by_seconds: seconds.default(0),
  /** Ends alone are known that much later; default `late_by_seconds`. */
  ends_late_by_seconds: seconds.optional(),
  participants: z.array(participantSchema).readonly().default([]),
});

export const conferenceChangeSchema = z.strictObject({
  /** Ends the conference, or with null lets it go on. */
  end: instant.nullish(),
  /** Ends every session that has no end yet at `end`. */
  end_open_sessions: z.boolean().default(false),
  add_participants: z.array(participantSchema).readonly().default([]),
  /** Resource name of a session → its end. */
  session_ends: z.record(z.string(), instant.nullable()).default({}),
});

export const clockSchema = z.union([
  z.strictObject({ now: instant }),
  z.strictObject({ offset_ms: z.number().int() }),
]);

export const faultSchema = z
  .strictObject({
    /** Regular expression over `METHOD /path?query`, for example `GET /v2/conferenceRecords\\?`. */
    match: z.string().default(''),
    /** How many matching calls it meets; without `times` and `for_seconds` all of them. */
    times: z.number().int().positive().optional(),
    /** Real seconds from now. */
    for_seconds: seconds.optional(),
    status: z.number().int().min(400).max(599).optional(),
    /** As Google writes it: `SERVICE_DISABLED`, `rateLimitExceeded`, or an OAuth error for `/token`. */
    reason: z.string().optional(),
    message: z.string().optional(),
    /** Seconds or an HTTP date. */
    retry_after: z.union([z.number(), z.string()]).optional(),
    /** Never answers. */
    hang: z.boolean().optional(),
    /** Closes the connection without an answer. */
    drop: z.boolean().optional(),
    /** Answers a list without its last rows. */
    hide_rows: z.number().int().positive().optional(),
  })
  .refine(
    (fault) =>
      [fault.status, fault.hang || undefined, fault.drop || undefined, fault.hide_rows].filter(
        (effect) => effect !== undefined,
      ).length === 1,
    'expected exactly one of status, hang, drop, hide_rows',
  );

export const pagingSchema = z.strictObject({
  /** No page holds more, whatever was asked for. */
  max_rows: z.number().int().positive().optional(),
  /** Every list begins with that many pages without a row that still have a next page token. */
  empty_pages_first: z.number().int().nonnegative().default(0),
});

export const delegationSchema = z.strictObject({
  /** Scopes that the domain granted to the service account; default all that are asked for. */
  scopes: z.array(z.string()).readonly().optional(),
  /** E-mails whom the service account may not impersonate. */
  not_impersonable: z.array(z.email()).readonly().default([]),
});
export const provisionSchema = z.strictObject({ auto_provision: z.boolean() });

export type ParticipantScript = z.output<typeof participantSchema>;
export type ConferenceScript = z.output<typeof conferenceSchema>;
export type ConferenceChange = z.output<typeof conferenceChangeSchema>;
export type FaultScript = z.output<typeof faultSchema>;
export type PagingSetting = z.output<typeof pagingSchema>;
export type DelegationSetting = z.output<typeof delegationSchema>;

/** One call that reached the simulator, control calls not counted. */
export interface CallLogEntry {
  atMs: number;
  /** For example `GET /v2/conferenceRecords/{id}/participants`. */
  route: string;
  /** Path and query as they came. */
  url: string;
  subject: string | null;
  status: number | 'hung' | 'dropped';
}
export interface CallReport {
  /** Calls per route since the last reset. */
  counts: Record<string, number>;
  /** Tokens issued since the last reset. */
  tokensIssued: number;
  /** The latest 10,000. */
  log: CallLogEntry[];
}
export interface SpaceInfo {
  name: string;
  meetingCode: string;
  meetingUri: string;
}
export interface ConferenceInfo {
  record: string;
  participants: { participant: string; sessions: string[] }[];
}
