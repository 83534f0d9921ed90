/** Everything that an operator wants to see of one class, read in one transaction, in the words of the API. */
import { type Connection, connections } from '../attendance/connections.ts';
import { countingWindow } from '../attendance/counting-window.ts';
import { distinctFacts } from '../attendance/distinct-facts.ts';
import { effectiveStatus } from '../attendance/effective-status.ts';
import type { ClassFacts, EvidenceEvent } from '../attendance/facts.ts';
import type { PersonAttendance } from '../attendance/record.ts';
import { acquaintance } from '../attendance/who.ts';
import { calculateLive, readCalculation } from '../db/calculations.ts';
import { readClassFacts } from '../db/class-facts.ts';
import { statusAt } from '../db/classes.ts';
import type { ClassRef, Tx } from '../db/client.ts';
import { listSweeps, type SweepLine } from '../db/list-sweeps.ts';
import { readMarks, type StandingMark } from '../db/marks.ts';
import { type ClassRow, readClass, type SessionRow } from '../db/plans.ts';
import { policyOf } from '../db/policy-in-force.ts';
import { type NameOf, nameThem, personIdsOf } from './people-names.ts';

export type ClassLook = Awaited<ReturnType<typeof lookAtClass>>;

export async function lookAtClass(tx: Tx, ref: ClassRef, nowMs: number) {
  const { row, session } = await readClass(tx, ref);
  const policy = await policyOf(tx, row);
  const facts = await readClassFacts(tx, ref, { row, session, policy });
  const stored = await readCalculation(tx, ref);
  const people = stored?.people ?? (await calculateLive(tx, ref, nowMs)).people;
  const { standing } = await readMarks(tx, ref);
  const nameOf = await nameThem(tx, ref.tenantId, [
    ...people.map(({ personId }) => personId),
    ...personIdsOf(facts.identities),
    ...facts.events.flatMap(({ personId }) => personId ?? []),
  ]);
  // As the figures beside them are: from the facts alone once they are calculated, until then as it is now.
  const liveMs = Math.min(nowMs, row.cancelledAt?.getTime() ?? nowMs);
  const moment =
    stored === null ? ({ kind: 'live', nowMs: liveMs } as const) : ({ kind: 'settled' } as const);
  return {
    tenant: ref.tenantId,
    at: new Date(nowMs).toISOString(),
    class: classShape(row, session, facts, nowMs),
    calculation: stored && { version: stored.version, calculated_at: iso(stored.calculatedAtMs) },
    people: people.map((one) => personShape(one, standing.get(one.personId), nameOf)).sort(byRole),
    connections: connections(distinctFacts(facts), moment).map((one) => connectionShape(one, nameOf)),
    sweeps: (await listSweeps(tx, ref)).map(sweepShape),
    events: eventShapes(facts, nameOf),
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
const isoOf = (at: Date | null): string | null => at?.toISOString() ?? null;

function classShape(row: ClassRow, session: SessionRow, facts: ClassFacts, nowMs: number) {
  const window = countingWindow(facts);
  const { name, preset, version } = facts.policy;
  return {
    class_id: row.id,
    subject: row.subject,
    session_type: row.sessionType,
    status: statusAt(row, nowMs),
    provider: row.provider,
    start_time: iso(facts.startMs),
    end_time: iso(facts.endMs),
    window_end: iso(window.endMs),
    policy: { name, preset, version },
    room_name: session.roomName,
    meeting_uri: session.meetingUri,
    occupied: session.occupied,
    opened_at: isoOf(row.openedAt),
    ended_at: isoOf(row.endedAt),
    closed_at: isoOf(session.closedAt),
    settled_at: isoOf(row.settledAt),
    cancelled_at: isoOf(row.cancelledAt),
    cancel_reason: row.cancelReason,
    attempts: row.attempts,
    evidence_pending: row.evidencePending,
    capture_problem: row.captureProblem,
    is_complete: row.isComplete,
    missing: row.missing,
  };
}

function personShape(one: PersonAttendance, mark: StandingMark | undefined, nameOf: NameOf) {
  const { status, source } = effectiveStatus(one.status, mark);
  return {
    who: nameOf({ kind: 'person', personId: one.personId }),
    role: one.role,
    status,
    source,
    calculated_status: one.status,
    /** What the rule says so far, where that is another thing. */
    suggested: one.suggestion?.status ?? null,
    duration_minutes: one.durationMinutes,
    attendance_percentage: one.attendancePercentage,
    first_join: one.firstJoinMs === null ? null : iso(one.firstJoinMs),
    last_leave: one.lastLeaveMs === null ? null : iso(one.lastLeaveMs),
    flags: one.flags,
    explanation: one.explanation,
  };
}

/** Teachers first, then by address. */
function byRole(a: { role: string; who: string }, b: { role: string; who: string }): number {
  const key = ({ role, who }: { role: string; who: string }): string => `${role === 'teacher' ? 0 : 1}${who}`;
  return key(a) < key(b) ? -1 : 1;
}

function connectionShape(one: Connection, nameOf: NameOf) {
  return {
    source: one.source,
    who: nameOf(one.who),
    begin: one.beginMs === null ? null : iso(one.beginMs),
    end: one.connected ? null : iso(one.endMs),
    mark: one.mark,
    removed: one.removed,
    only_listed: one.onlyListed,
  };
}

function sweepShape({ at, source, ok, scope, roomExisted, listed, error }: SweepLine) {
  return { at: at.toISOString(), source, ok, scope, room_existed: roomExisted, listed, error };
}

/** By their own times; of two at one instant the one that came first. */
function eventShapes(facts: ClassFacts, nameOf: NameOf) {
  const { whoIs } = acquaintance(facts);
  const nameIn = ({ source, personId, identity }: EvidenceEvent): string | null => {
    const who = whoIs(source, personId, identity);
    if (who === null) return null;
    return who === 'machine' ? (identity ?? null) : nameOf(who);
  };
  return facts.events
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((event) => ({
      at: iso(event.atMs),
      source: event.source,
      kind: event.kind,
      who: nameIn(event),
      connection: event.connection ?? null,
      room: event.room ?? null,
      reason: event.reason ?? null,
    }));
}
