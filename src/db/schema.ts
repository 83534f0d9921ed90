/**
 * Every table, as Drizzle sees it. All rows belong to a tenant; the first migration forces row security on each table
 * and gives the app role its few rights. The log (`events`, `set_aside`, `sweeps`, `identity_decisions`, `calculations`,
 * `records`, `policies`, `marks`) is append-only: no role may update or delete it.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { ListedConnection, ListedRoom } from '../attendance/facts.ts';
import type { PolicyDefinition } from '../attendance/policy.ts';
import type { Missing, PersonAttendance, Stay } from '../attendance/record.ts';
import type { AskedFor } from './class-request.ts';

/** Milliseconds, as everywhere in Rollcall. */
const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });
const tenantId = () => text('tenant_id').notNull();
const instantRanges = customType<{ data: string }>({ dataType: () => 'tstzmultirange' });

/** What a tenant may set for itself (product §10, §13). Absent: the server's own default. */
export interface TenantSettings {
  session_type?: string;
  provider?: 'meet' | 'livekit' | 'whiteboard';
  policy?: string;
  open_lead_seconds?: number;
  poll_seconds?: number;
  verify_seconds?: number;
  grace_seconds?: number;
  /** After the start of a class, until somebody hears that its teacher or a student is not there. */
  teacher_missing_after_seconds?: number;
  student_missing_after_seconds?: number;
  room_pattern?: string;
  identity_form?: 'rollcall' | 'itqan';
}

/** What stops a class from being captured, as an operator must read it. */
export interface CaptureProblem {
  code: string;
  message: string;
  since: string;
}

/** Why a connection to a whiteboard is over. `lost`: it gave no sign of life any more. */
export type CloseReason = 'disconnected' | 'lost' | 'server_shutdown' | 'class_over';

export type AlertKind = 'teacher_missing' | 'student_missing' | 'capture_silent' | 'unmatched_person';

export type OutgoingEvent =
  | 'class.opened'
  | 'class.ended'
  | 'class.settled'
  | 'attendance.changed'
  | 'alert.raised'
  | 'alert.resolved';

/** What somebody can decide about a person. */
export type MarkStatus = 'present' | 'late' | 'partial' | 'absent' | 'excused';

export interface ReplacedStatus {
  status: PersonAttendance['status'];
  source: 'system_default' | 'calculated' | 'manual' | 'suggestion';
  notes: string | null;
}

export const tenants = pgTable('tenants', {
  tenantId: text('tenant_id').primaryKey(),
  name: text('name').notNull(),
  timeZone: text('time_zone').notNull().default('UTC'),
  currency: text('currency').notNull().default('USD'),
  settings: jsonb('settings').$type<TenantSettings>().notNull().default({}),
  createdAt: instant('created_at').notNull().defaultNow(),
});

export const people = pgTable(
  'people',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull().defaultRandom(),
    /** Lower case: two spellings of one address are one person. */
    email: text('email').notNull(),
    name: text('name').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.id] }), unique('people_email').on(t.tenantId, t.email)],
);

export const classes = pgTable(
  'classes',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull().defaultRandom(),
    externalId: text('external_id'),
    /** The request that would make the class as it is, canonical: the same `external_id` must ask for the same. */
    request: jsonb('request').$type<AskedFor>().notNull(),
    subject: text('subject').notNull(),
    sessionType: text('session_type').notNull(),
    provider: text('provider').$type<'meet' | 'livekit' | 'whiteboard'>().notNull(),
    policy: text('policy').notNull(),
    /** The version in force at the start, fixed by the first calculation; null until then. */
    policyVersion: integer('policy_version'),
    timeZone: text('time_zone').notNull(),
    /** The day of the start, `YYYY-MM-DD`, in the tenant's zone as it was when the class was scheduled or last moved. */
    policyDate: text('policy_date').notNull(),
    startAt: instant('start_at').notNull(),
    endAt: instant('end_at').notNull(),
    /** Stored status. `active` is never stored: it is `open` once the clock has passed the start. */
    status: text('status')
      .$type<'scheduled' | 'open' | 'ended' | 'reconciling' | 'completed' | 'incomplete' | 'cancelled'>()
      .notNull()
      .default('scheduled'),
    openLeadSeconds: integer('open_lead_seconds').notNull(),
    pollSeconds: integer('poll_seconds').notNull(),
    verifySeconds: integer('verify_seconds').notNull(),
    graceSeconds: integer('grace_seconds').notNull(),
    meetingCode: text('meeting_code'),
    scheduledAt: instant('scheduled_at').notNull().defaultNow(),
    openedAt: instant('opened_at'),
    endedAt: instant('ended_at'),
    settledAt: instant('settled_at'),
    cancelledAt: instant('cancelled_at'),
    cancelReason: text('cancel_reason'),
    captureProblem: jsonb('capture_problem').$type<CaptureProblem>(),
    missing: jsonb('missing').$type<Missing[]>().notNull().default([]),
    isComplete: boolean('is_complete').notNull().default(false),
    attempts: integer('attempts').notNull().default(0),
    /** Raised by every change of the plan; the sweeper rings again until the workflow has been told. */
    planVersion: integer('plan_version').notNull().default(1),
    planRungVersion: integer('plan_rung_version').notNull().default(1),
    workflowStartedAt: instant('workflow_started_at'),
    /** When the workflow means to work on this class next; long past it, the sweeper looks whether it still runs. */
    workflowDueAt: instant('workflow_due_at'),
    lastRungAt: instant('last_rung_at'),
    /** Evidence came after the end that no calculation has seen yet. */
    evidencePending: boolean('evidence_pending').notNull().default(false),
    /** When somebody looks next whether there is cause for alarm; null before anybody has. */
    alertsDueAt: instant('alerts_due_at'),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    uniqueIndex('classes_external_id').on(t.tenantId, t.externalId).where(sql`${t.externalId} is not null`),
    index('classes_start').on(t.tenantId, t.startAt, t.id),
    index('classes_unsettled').on(t.workflowDueAt).where(sql`${t.settledAt} is null`),
    index('classes_evidence_pending').on(t.settledAt).where(sql`${t.evidencePending}`),
    index('classes_watched').on(t.startAt).where(sql`${t.status} in ('open', 'scheduled')`),
  ],
);

export const classRoster = pgTable(
  'class_roster',
  {
    tenantId: tenantId(),
    classId: uuid('class_id').notNull(),
    personId: uuid('person_id').notNull(),
    role: text('role').$type<'teacher' | 'student'>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.classId, t.personId] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    foreignKey({ columns: [t.tenantId, t.personId], foreignColumns: [people.tenantId, people.id] }),
    index('class_roster_person').on(t.tenantId, t.personId),
  ],
);

export const sessions = pgTable(
  'sessions',
  {
    tenantId: tenantId(),
    classId: uuid('class_id').notNull(),
    /** Google's resource name, `spaces/…`. */
    spaceName: text('space_name'),
    meetingCode: text('meeting_code'),
    meetingUri: text('meeting_uri'),
    roomName: text('room_name'),
    /** Whoever Google knows as the organizer of the space, who alone may read its records. */
    organizerPersonId: uuid('organizer_person_id'),
    /** Somebody was in the LiveKit room when this was last looked at; its change rings the class. */
    occupied: boolean('occupied').notNull().default(false),
    closedAt: instant('closed_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.classId] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    foreignKey({ columns: [t.tenantId, t.organizerPersonId], foreignColumns: [people.tenantId, people.id] }),
    index('sessions_space').on(t.tenantId, t.spaceName),
    index('sessions_code').on(t.tenantId, t.meetingCode),
    // A delivery of LiveKit names the room and no tenant: one room is one class, whoever it belongs to.
    uniqueIndex('sessions_room').on(t.roomName).where(sql`${t.roomName} is not null`),
  ],
);

export const sources = pgTable(
  'sources',
  {
    tenantId: tenantId(),
    name: text('name').notNull(),
    kind: text('kind').$type<'in_call' | 'supporting'>().notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.name] })],
);

/** Whose records a guardian may see. */
export const guardians = pgTable(
  'guardians',
  {
    tenantId: tenantId(),
    childId: uuid('child_id').notNull(),
    guardianId: uuid('guardian_id').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.childId, t.guardianId] }),
    foreignKey({ columns: [t.tenantId, t.childId], foreignColumns: [people.tenantId, people.id] }),
    foreignKey({ columns: [t.tenantId, t.guardianId], foreignColumns: [people.tenantId, people.id] }),
    index('guardians_guardian').on(t.tenantId, t.guardianId),
  ],
);

/** A source said that it has told all it knows of a class. */
export const sourceCompletions = pgTable(
  'source_completions',
  {
    tenantId: tenantId(),
    classId: uuid('class_id').notNull(),
    source: text('source').notNull(),
    declaredAt: instant('declared_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.classId, t.source] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
  ],
);

export const events = pgTable(
  'events',
  {
    tenantId: tenantId(),
    id: bigint('id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    classId: uuid('class_id').notNull(),
    source: text('source').notNull(),
    sourceEventId: text('source_event_id').notNull(),
    kind: text('kind')
      .$type<'joined' | 'left' | 'aborted' | 'seen' | 'heartbeat' | 'room_opened' | 'room_closed'>()
      .notNull(),
    at: instant('at').notNull(),
    joinedAt: instant('joined_at'),
    untilAt: instant('until_at'),
    connection: text('connection'),
    room: text('room'),
    personId: uuid('person_id'),
    identity: text('identity'),
    reason: text('reason'),
    /** SHA-256 of everything above, in canonical order: tells a duplicate from the same id with other content. */
    contentHash: text('content_hash').notNull(),
    /** The delivery as it came, where it was signed. */
    raw: text('raw'),
    receivedAt: instant('received_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    unique('events_source_event').on(t.tenantId, t.source, t.sourceEventId),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    index('events_class').on(t.tenantId, t.classId, t.id),
  ],
);

/**
 * Signed deliveries that are no evidence of a class, kept as they came: for a room that no class owns (`no_class`; it is
 * read again when one is scheduled), of a kind that says nothing about presence (`other`), that cannot be used
 * (`unusable`), and under an id that is stored with other content (`conflicting`).
 */
export const setAside = pgTable(
  'set_aside',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    /** Null: nothing tells whose it is. No tenant sees it before one has a class in that room. */
    tenantId: text('tenant_id'),
    /** Whose own the key is that signed it: nobody else's class gets it. Null: the key is of all. */
    keyTenant: text('key_tenant'),
    classId: uuid('class_id'),
    source: text('source').notNull(),
    sourceEventId: text('source_event_id').notNull(),
    why: text('why').$type<'no_class' | 'other' | 'unusable' | 'conflicting'>().notNull(),
    /** In words, where `why` does not say it all. */
    reason: text('reason'),
    event: text('event'),
    roomName: text('room_name'),
    raw: text('raw').notNull(),
    /** SHA-256 of `raw`, in hexadecimal. */
    rawHash: text('raw_hash').notNull(),
    receivedAt: instant('received_at').notNull().defaultNow(),
  },
  (t) => [
    unique('set_aside_delivery').on(t.source, t.sourceEventId, t.rawHash, t.keyTenant).nullsNotDistinct(),
    index('set_aside_room').on(t.roomName).where(sql`${t.why} = 'no_class'`),
    index('set_aside_tenant').on(t.tenantId, t.id),
  ],
);

export const sweeps = pgTable(
  'sweeps',
  {
    tenantId: tenantId(),
    id: bigint('id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    classId: uuid('class_id').notNull(),
    source: text('source').notNull(),
    at: instant('at').notNull(),
    ok: boolean('ok').notNull(),
    scope: text('scope').$type<'present' | 'all'>().notNull(),
    roomExisted: boolean('room_existed'),
    rooms: jsonb('rooms').$type<ListedRoom[]>().notNull(),
    connections: jsonb('connections').$type<ListedConnection[]>().notNull(),
    joining: jsonb('joining').$type<string[]>().notNull().default([]),
    error: text('error'),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    // One listing at one instant: an activity that is retried after its commit stores nothing twice.
    unique('sweeps_instant').on(t.tenantId, t.classId, t.source, t.at),
  ],
);

export const identities = pgTable(
  'identities',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull().defaultRandom(),
    source: text('source').notNull(),
    identity: text('identity').notNull(),
    kind: text('kind').$type<'signed_in' | 'anonymous' | 'phone' | 'other' | 'machine'>().notNull(),
    displayName: text('display_name'),
    /** What the directory said, when it knew the user. */
    email: text('email'),
    /** When the directory was last asked; null: not yet, or it did not answer. */
    lookedUpAt: instant('looked_up_at'),
    /** Remembered: who this is in every class to come. */
    personId: uuid('person_id'),
    firstSeenAt: instant('first_seen_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    unique('identities_name').on(t.tenantId, t.source, t.identity),
    foreignKey({ columns: [t.tenantId, t.personId], foreignColumns: [people.tenantId, people.id] }),
  ],
);

/** What an identity means in one class: the latest decision, or not decided yet. */
export const classIdentities = pgTable(
  'class_identities',
  {
    tenantId: tenantId(),
    classId: uuid('class_id').notNull(),
    identityId: uuid('identity_id').notNull(),
    state: text('state').$type<'unmatched' | 'matched' | 'dismissed'>().notNull(),
    personId: uuid('person_id'),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.classId, t.identityId] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    foreignKey({ columns: [t.tenantId, t.identityId], foreignColumns: [identities.tenantId, identities.id] }),
    foreignKey({ columns: [t.tenantId, t.personId], foreignColumns: [people.tenantId, people.id] }),
    index('class_identities_identity').on(t.tenantId, t.identityId),
  ],
);

/** Who decided what about an identity, and when: appended, never changed. */
export const identityDecisions = pgTable(
  'identity_decisions',
  {
    tenantId: tenantId(),
    id: bigint('id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    identityId: uuid('identity_id').notNull(),
    action: text('action').$type<'match' | 'dismiss' | 'unmatch'>().notNull(),
    personId: uuid('person_id'),
    remember: boolean('remember').notNull().default(false),
    classIds: jsonb('class_ids').$type<string[]>().notNull(),
    decidedBy: text('decided_by').notNull(),
    decidedAt: instant('decided_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    foreignKey({ columns: [t.tenantId, t.identityId], foreignColumns: [identities.tenantId, identities.id] }),
  ],
);

export const policies = pgTable(
  'policies',
  {
    tenantId: tenantId(),
    name: text('name').notNull(),
    version: integer('version').notNull(),
    effectiveFrom: text('effective_from').notNull(),
    definition: jsonb('definition').$type<PolicyDefinition>().notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.name, t.version] })],
);

/**
 * One row for each connection to a whiteboard, written on while it is open; its signs of life only ever grow. What it was
 * becomes events of the log when it closes.
 */
export const whiteboardConnections = pgTable(
  'whiteboard_connections',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull().defaultRandom(),
    classId: uuid('class_id').notNull(),
    personId: uuid('person_id').notNull(),
    /** What the client calls it; a person has one `default` connection. */
    name: text('name').notNull(),
    /** The server that heard of it last. */
    instance: text('instance').notNull(),
    connectedAt: instant('connected_at').notNull(),
    lastSeenAt: instant('last_seen_at').notNull(),
    lastHeartbeatAt: instant('last_heartbeat_at'),
    /** `[h, h + 30 s)` of every heartbeat. */
    active: instantRanges('active').notNull().default('{}'),
    closedAt: instant('closed_at'),
    closeReason: text('close_reason').$type<CloseReason>(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    foreignKey({ columns: [t.tenantId, t.personId], foreignColumns: [people.tenantId, people.id] }),
    index('whiteboard_connections_class').on(t.tenantId, t.classId),
    index('whiteboard_connections_open').on(t.lastSeenAt).where(sql`${t.closedAt} is null`),
  ],
);

/** Human decisions about a person in a class: appended, the latest stands (product §7). */
export const marks = pgTable(
  'marks',
  {
    tenantId: tenantId(),
    id: bigint('id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    classId: uuid('class_id').notNull(),
    personId: uuid('person_id').notNull(),
    /** Null: what was marked before is withdrawn. */
    status: text('status').$type<MarkStatus>(),
    source: text('source').$type<'manual' | 'suggestion'>().notNull(),
    notes: text('notes'),
    markedBy: text('marked_by').notNull(),
    markedAt: instant('marked_at').notNull().defaultNow(),
    /** What stood before. */
    replaced: jsonb('replaced').$type<ReplacedStatus>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    foreignKey({ columns: [t.tenantId, t.personId], foreignColumns: [people.tenantId, people.id] }),
    index('marks_class').on(t.tenantId, t.classId, t.id),
  ],
);

/** What somebody should look at while a class is on; a row is raised once, and resolved once. */
export const alerts = pgTable(
  'alerts',
  {
    tenantId: tenantId(),
    id: bigint('id', { mode: 'bigint' }).generatedAlwaysAsIdentity().notNull(),
    classId: uuid('class_id').notNull(),
    kind: text('kind').$type<AlertKind>().notNull(),
    /** Whom it is about: a person's id, an identity's, or nobody in particular. */
    about: text('about').notNull().default(''),
    message: text('message').notNull(),
    raisedAt: instant('raised_at').notNull(),
    resolvedAt: instant('resolved_at'),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    uniqueIndex('alerts_raised')
      .on(t.tenantId, t.classId, t.kind, t.about)
      .where(sql`${t.resolvedAt} is null`),
    index('alerts_class').on(t.tenantId, t.classId, t.id),
  ],
);

/** Where other systems want to be told of what happens (https://www.standardwebhooks.com). */
export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull().defaultRandom(),
    url: text('url').notNull(),
    events: jsonb('events').$type<OutgoingEvent[]>().notNull(),
    /** `whsec_…`; signs every message. */
    secret: text('secret').notNull(),
    /** Signs beside it until then, so that a receiver may change over in its own time. */
    previousSecret: text('previous_secret'),
    previousUntil: instant('previous_until'),
    createdBy: text('created_by').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    /** Since when no delivery has succeeded; null while they do. */
    failingSince: instant('failing_since'),
    disabledAt: instant('disabled_at'),
    /** The notice for the admin. */
    disabledReason: text('disabled_reason'),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.id] })],
);

/** What other systems are told, stored with the change that caused it. */
export const webhookMessages = pgTable(
  'webhook_messages',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull().defaultRandom(),
    classId: uuid('class_id').notNull(),
    event: text('event').$type<OutgoingEvent>().notNull(),
    payload: jsonb('payload').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
    index('webhook_messages_created').on(t.tenantId, t.createdAt, t.id),
  ],
);

/** One message to one endpoint. A replay is another delivery. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    tenantId: tenantId(),
    id: uuid('id').notNull().defaultRandom(),
    messageId: uuid('message_id').notNull(),
    endpointId: uuid('endpoint_id').notNull(),
    status: text('status').$type<'pending' | 'delivered' | 'failed'>().notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    /** Of the last attempt: the status of the answer, or what went wrong. */
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    createdAt: instant('created_at').notNull().defaultNow(),
    /** The last sign of life of its workflow: it has been started, or has made an attempt. */
    startedAt: instant('started_at'),
    endedAt: instant('ended_at'),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.id] }),
    foreignKey({
      columns: [t.tenantId, t.messageId],
      foreignColumns: [webhookMessages.tenantId, webhookMessages.id],
    }),
    foreignKey({
      columns: [t.tenantId, t.endpointId],
      foreignColumns: [webhookEndpoints.tenantId, webhookEndpoints.id],
    }),
    index('webhook_deliveries_endpoint').on(t.tenantId, t.endpointId, t.createdAt),
    index('webhook_deliveries_message').on(t.tenantId, t.messageId),
    index('webhook_deliveries_under_way').on(t.startedAt).where(sql`${t.status} = 'pending'`),
  ],
);

/** One calculation of a whole class; its version is the version of its records. */
export const calculations = pgTable(
  'calculations',
  {
    tenantId: tenantId(),
    classId: uuid('class_id').notNull(),
    version: integer('version').notNull(),
    inputsHash: text('inputs_hash').notNull(),
    policy: text('policy').notNull(),
    policyPreset: text('policy_preset').notNull(),
    policyVersion: integer('policy_version').notNull(),
    isComplete: boolean('is_complete').notNull(),
    missing: jsonb('missing').$type<Missing[]>().notNull(),
    stays: jsonb('stays').$type<Stay[]>().notNull(),
    calculatedAt: instant('calculated_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.classId, t.version] }),
    foreignKey({ columns: [t.tenantId, t.classId], foreignColumns: [classes.tenantId, classes.id] }),
  ],
);

export const records = pgTable(
  'records',
  {
    tenantId: tenantId(),
    classId: uuid('class_id').notNull(),
    version: integer('version').notNull(),
    personId: uuid('person_id').notNull(),
    status: text('status').$type<PersonAttendance['status']>().notNull(),
    isFinal: boolean('is_final').notNull(),
    attendance: jsonb('attendance').$type<PersonAttendance>().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.classId, t.version, t.personId] }),
    foreignKey({
      columns: [t.tenantId, t.classId, t.version],
      foreignColumns: [calculations.tenantId, calculations.classId, calculations.version],
    }),
    index('records_person').on(t.tenantId, t.personId),
  ],
);

/** Answers of unsafe calls, so that a repeated `Idempotency-Key` gets the first answer again. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    tenantId: tenantId(),
    key: text('key').notNull(),
    requestHash: text('request_hash').notNull(),
    status: integer('status'),
    body: jsonb('body'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.key] }),
    index('idempotency_keys_created').on(t.tenantId, t.createdAt),
  ],
);
