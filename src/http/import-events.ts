import { z } from 'zod';
import { calculateClass } from '../db/calculations.ts';
import { type FoundClass, phaseOf, windowOf } from '../db/class-phase.ts';
import type { ClassRef, Tx } from '../db/client.ts';
import { findPeopleById } from '../db/people.ts';
import { type ClassRow, readClass } from '../db/plans.ts';
import { declareComplete, readSource } from '../db/sources.ts';
import { type Appended, appendEvents, type NewEvent } from '../ingest/append-events.ts';
import { meetByName } from '../ingest/import-identities.ts';
import { EVENT_KINDS } from './events.ts';
import { waitsForEvidence } from './evidence-bell.ts';
import { email, instant, line, slug, uuid } from './fields.ts';
import { invalid } from './problem.ts';
import { type Change, change, type Deps } from './route.ts';
import { RESERVED_SOURCES } from './sources.ts';

const ONE_MEBIBYTE = 1024 * 1024;
/** Clocks of sources differ from ours by no more; what lies further ahead has not happened. */
const FUTURE_TOLERANCE_MS = 5 * 60_000;

const event = z
  .strictObject({
    source_event_id: line(200),
    kind: z.enum(EVENT_KINDS),
    at: instant,
    connection_id: line(200).optional(),
    room_id: line(200).optional(),
    email: email.optional(),
    person_id: uuid.optional(),
    identity: line(200).optional(),
    reason: line(100).meta({ description: "LiveKit's names, for example PARTICIPANT_REMOVED" }).optional(),
  })
  .superRefine((one, context) => {
    const issue = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    const named = (['email', 'person_id', 'identity'] as const).filter((field) => one[field] !== undefined);
    const [, second] = named;
    if (second !== undefined) issue(second, 'give only one of email, person_id and identity');
    const ofRoom = one.kind === 'room_opened' || one.kind === 'room_closed';
    const ending = one.kind === 'left' || one.kind === 'aborted';
    if (!ofRoom && named.length === 0 && !(ending && one.connection_id !== undefined)) {
      issue('email', `a ${one.kind} event must say who: give email, person_id or identity`);
    }
  });

type ImportedEvent = z.output<typeof event>;

const body = z
  .strictObject({
    source: slug,
    complete: z.literal(true, 'must be true or left out').optional(),
    events: z.array(event).max(1_000, 'must be at most 1000 events; send several requests'),
  })
  .superRefine(({ complete, events }, context) => {
    if (events.length > 0 || complete === true) return;
    context.addIssue({ code: 'custom', path: ['events'], message: 'must hold at least one event' });
  })
  .meta({ id: 'ImportEvents' });

const answer = z
  .object({
    accepted: z.int(),
    duplicate: z.int(),
    rejected: z.array(z.object({ source_event_id: z.string(), reason: z.string() })),
  })
  .meta({ id: 'Imported' });

type Imported = z.output<typeof answer>;

export const importRoute = change({
  path: '/api/classes/{class_id}/events',
  operationId: 'importEvents',
  tag: 'evidence',
  summary: 'Hand in evidence of another source',
  description:
    'The source must be registered. An unknown person becomes an unmatched identity. `complete` says that the source has told all it knows of this class; it is accepted once the class has ended, and taken only when nothing of the request is rejected.',
  roles: ['service', 'admin'],
  body,
  bodyLimit: ONE_MEBIBYTE,
  answers: { 200: { description: 'What was done with each event', schema: answer } },
  async handle(tx, { deps, ref, tenantId, body: { source, complete, events } }) {
    // Locked: who settles the class now either did so before this, and it is calculated again, or will see these events.
    const found = await readClass(tx, ref, 'for update');
    const { row } = found;
    await mustBeRegistered(tx, tenantId, source, complete === true);
    const nowMs = deps.now();
    if (complete === true) await mustHaveEnded(tx, found, nowMs);
    const rejected: Imported['rejected'] = [];
    const reject = (one: ImportedEvent, reason: string) =>
      rejected.push({ source_event_id: one.source_event_id, reason });

    const persons = await findPeopleById(tx, tenantId, [
      ...new Set(events.flatMap((one) => one.person_id ?? [])),
    ]);
    const sound = events.flatMap((one) => {
      if (Date.parse(one.at) <= nowMs + FUTURE_TOLERANCE_MS) return byName(one, persons);
      reject(one, 'at is more than 5 minutes in the future');
      return [];
    });
    const appended = await appendEvents(
      tx,
      tenantId,
      sound.map((one) => newEvent(ref, source, one)),
    );
    for (const id of appended.conflicting) {
      rejected.push({ source_event_id: id, reason: 'this id is stored with other content, which stays' });
    }
    await meetByName(tx, ref, source, keptOf(sound, appended));
    const declared = complete === true && rejected.length === 0 && (await declareComplete(tx, ref, source));
    deps.metrics.eventsAccepted.inc(appended.accepted.length);
    deps.metrics.eventsRejected.inc(rejected.length);
    const done: Imported = {
      accepted: appended.accepted.length,
      duplicate: appended.duplicate.length,
      rejected,
    };
    const news = appended.accepted.length > 0 || declared;
    return { status: 200, body: done, ...(news ? await takeNotice(tx, deps, row, nowMs) : {}) };
  },
});

async function mustBeRegistered(tx: Tx, tenantId: string, name: string, complete: boolean): Promise<void> {
  if (RESERVED_SOURCES.includes(name)) {
    throw invalid({
      field: 'source',
      message: `"${name}" is reserved for the evidence that Rollcall collects itself`,
    });
  }
  const source = await readSource(tx, tenantId, name);
  if (source === null) {
    const how = `POST /api/sources with {"name": "${name}", "kind": "in_call" or "supporting"}`;
    throw invalid({ field: 'source', message: `"${name}" is not registered; register it with ${how}` });
  }
  if (complete && source.kind === 'supporting') {
    throw invalid({ field: 'complete', message: 'only an in_call source can declare itself complete' });
  }
}

/** A source cannot have told all it knows of a class that has not ended. */
async function mustHaveEnded(tx: Tx, found: FoundClass, nowMs: number): Promise<void> {
  const phase = await phaseOf(tx, found, nowMs);
  if (phase !== 'ahead' && phase !== 'active') return;
  const { endMs } = await windowOf(tx, found);
  const from = new Date(endMs).toISOString();
  throw invalid({
    field: 'complete',
    message: `the class has not ended; it is accepted from ${from} on, until then leave it out`,
  });
}

/** The id of a person whom nobody knows here is a name like any other. */
function byName(one: ImportedEvent, persons: ReadonlyMap<string, unknown>): ImportedEvent {
  if (one.person_id === undefined || persons.has(one.person_id)) return one;
  return { ...one, person_id: undefined, identity: one.person_id };
}

/** Whoever is named by what was rejected alone was never met. Of one id that comes twice the first counts. */
function keptOf(sound: ImportedEvent[], { accepted, conflicting }: Appended): ImportedEvent[] {
  const fresh = new Set(accepted);
  const disputed = new Set(conflicting);
  return sound.filter(({ source_event_id: id }) => fresh.delete(id) || !disputed.has(id));
}

/**
 * An e-mail is kept as the identity that it is, and tied to its person beside the event: so the same event stays the
 * same when the person becomes known later.
 */
function newEvent({ classId }: ClassRef, source: string, one: ImportedEvent): NewEvent {
  const identity = one.email ?? one.identity;
  return {
    classId,
    source,
    sourceEventId: one.source_event_id,
    kind: one.kind,
    atMs: Date.parse(one.at),
    ...(one.connection_id === undefined ? {} : { connection: one.connection_id }),
    ...(one.room_id === undefined ? {} : { room: one.room_id }),
    ...(one.person_id === undefined ? {} : { personId: one.person_id }),
    ...(identity === undefined ? {} : { identity }),
    ...(one.reason === undefined ? {} : { reason: one.reason }),
  };
}

/** A settled class is calculated again at once; one that waits for evidence is rung, at most once a minute. */
async function takeNotice(
  tx: Tx,
  deps: Deps,
  row: ClassRow,
  nowMs: number,
): Promise<Pick<Change, 'afterCommit'>> {
  const ref = { tenantId: row.tenantId, classId: row.id };
  if (row.settledAt !== null) {
    if (row.cancelledAt === null) await calculateClass(tx, ref);
    return {};
  }
  return waitsForEvidence(row, nowMs) ? { afterCommit: await deps.evidenceBell.prepare(tx, ref) } : {};
}
