/** The roll of a class as whoever watches it sees it: who is in, since when, and what is decided. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { effectiveStatus } from '../attendance/effective-status.ts';
import type { ClassAttendance, PersonAttendance, Stay } from '../attendance/record.ts';
import { readOpenAlerts } from '../db/alerts.ts';
import { calculateLive, readCalculation } from '../db/calculations.ts';
import { statusAt, viewClass } from '../db/classes.ts';
import type { ClassRef, Tx } from '../db/client.ts';
import { readMarks } from '../db/marks.ts';
import { ATTENDANCE_STATUSES } from './attendance-shape.ts';
import { alertSchema, alertShape, captureProblem, classStatus, missingSchema } from './class-shape.ts';
import { iso, isoMs, shownInstant } from './fields.ts';

const livePerson = z
  .object({
    person_id: z.string(),
    email: z.string(),
    name: z.string(),
    role: z.enum(['teacher', 'student']),
    connected: z.boolean(),
    connected_since: shownInstant.nullable().meta({ description: 'The beginning of the stay that goes on' }),
    first_join: shownInstant.nullable(),
    last_leave: shownInstant.nullable(),
    present_seconds: z.int().meta({ description: 'At the time of the message; it goes on while connected' }),
    is_late: z.boolean(),
    status: z.enum(ATTENDANCE_STATUSES),
    source: z.enum(['system_default', 'calculated', 'manual', 'suggestion']),
  })
  .meta({ id: 'LivePerson' });

const liveGuest = z
  .object({ identity: z.string(), source: z.string(), connected: z.boolean(), since: shownInstant })
  .meta({ id: 'LiveGuest' });

export const liveRollSchema = z
  .object({
    class_id: z.string(),
    at: shownInstant,
    subject: z.string(),
    start_time: shownInstant,
    end_time: shownInstant,
    status: classStatus,
    missing: missingSchema,
    capture_problem: captureProblem,
    alerts: z.array(alertSchema),
    people: z.array(livePerson),
    guests: z.array(liveGuest).meta({ description: 'In the call, but nobody of the roster' }),
  })
  .meta({ id: 'LiveRoll' });

export type LiveRoll = z.output<typeof liveRollSchema>;
type LivePerson = LiveRoll['people'][number];

/** As known at `nowMs`. */
export async function readLiveRoll(tx: Tx, ref: ClassRef, nowMs: number): Promise<LiveRoll> {
  const { row, roster } = await viewClass(tx, ref);
  const found: Pick<ClassAttendance, 'people' | 'stays'> =
    (await readCalculation(tx, ref)) ?? (await calculateLive(tx, ref, nowMs));
  const { standing } = await readMarks(tx, ref);
  const calculated = new Map(found.people.map((one) => [one.personId, one]));
  return {
    class_id: row.id,
    at: isoMs(nowMs) ?? '',
    subject: row.subject,
    start_time: iso(row.startAt),
    end_time: iso(row.endAt),
    status: statusAt(row, nowMs),
    missing: row.missing,
    capture_problem: row.captureProblem,
    alerts: ((await readOpenAlerts(tx, ref.tenantId, [ref.classId])).get(ref.classId) ?? []).map(alertShape),
    people: roster.map((person): LivePerson => {
      const one = calculated.get(person.personId);
      const { status, source } = effectiveStatus(one?.status ?? 'pending', standing.get(person.personId));
      return { ...nameOf(person), ...presenceOf(one, found.stays), status, source };
    }),
    guests: found.stays
      .filter(({ role, identity }) => role === 'guest' && identity !== null)
      .map(({ identity, source, joinMs, leaveMs }) => ({
        identity: identity ?? '',
        source,
        connected: leaveMs === null,
        since: isoMs(joinMs) ?? '',
      })),
  };
}

const nameOf = ({
  personId,
  email,
  name,
  role,
}: {
  personId: string;
  email: string;
  name: string;
  role: 'teacher' | 'student';
}) => ({
  person_id: personId,
  email,
  name,
  role,
});

function presenceOf(one: PersonAttendance | undefined, stays: readonly Stay[]) {
  const open = stays.find(({ personId, leaveMs }) => personId === one?.personId && leaveMs === null);
  return {
    connected: open !== undefined,
    connected_since: isoMs(open?.joinMs ?? null),
    first_join: isoMs(one?.firstJoinMs ?? null),
    last_leave: isoMs(one?.lastLeaveMs ?? null),
    present_seconds: one?.presentSeconds ?? 0,
    is_late: one?.isLate ?? false,
  };
}

/** What passes by itself says nothing new. */
const lasting = ({ present_seconds: _, ...person }: LivePerson) => person;
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Names a roll by what it says: whoever has seen this one has missed nothing, whichever server told them. */
export function revisionOf({ at: _, people, ...rest }: LiveRoll): string {
  const said = JSON.stringify({ ...rest, people: people.map(lasting) });
  return createHash('sha256').update(said).digest('base64url').slice(0, 16);
}

/** Fields of the class that are told when they change. */
const OF_THE_CLASS = [
  'subject',
  'start_time',
  'end_time',
  'status',
  'missing',
  'capture_problem',
  'alerts',
  'guests',
] as const;

/** What has changed, with whoever it is about whole; null: nothing. */
export function changeBetween(before: LiveRoll, after: LiveRoll): Record<string, unknown> | null {
  const change: Record<string, unknown> = {};
  for (const field of OF_THE_CLASS) {
    if (!same(before[field], after[field])) change[field] = after[field];
  }
  const known = new Map(before.people.map((one) => [one.person_id, one]));
  const people = after.people.filter((one) => {
    const was = known.get(one.person_id);
    return was === undefined || !same(lasting(was), lasting(one));
  });
  if (people.length > 0) change.people = people;
  const now = new Set(after.people.map((one) => one.person_id));
  const removed = before.people.filter((one) => !now.has(one.person_id)).map((one) => one.person_id);
  if (removed.length > 0) change.removed = removed;
  return Object.keys(change).length === 0 ? null : { class_id: after.class_id, at: after.at, ...change };
}

export const newAlerts = (before: LiveRoll, after: LiveRoll): LiveRoll['alerts'] =>
  after.alerts.filter(({ alert_id: id }) => !before.alerts.some((one) => one.alert_id === id));
