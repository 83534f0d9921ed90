import type { Connection } from './connections.ts';
import { gaps, type Interval, total, touches } from './intervals.ts';
import type { Policy } from './policy.ts';
import type { Presence } from './presence.ts';
import type { PersonAttendance } from './record.ts';
import { minutesOf, percentage, wholeMinutes, wholeSeconds } from './shares.ts';

/** How late the first counted interval began, in milliseconds; null without presence. */
export function latenessMs(intervals: readonly Interval[], lesson: Interval): number | null {
  const [first] = intervals;
  return first === undefined ? null : first.startMs - lesson.startMs;
}

type OwnMeasures = Pick<
  PersonAttendance,
  | 'presentSeconds'
  | 'bridgedSeconds'
  | 'durationMinutes'
  | 'attendancePercentage'
  | 'latenessSeconds'
  | 'isLate'
  | 'lateMinutes'
  | 'earlyLeaveSeconds'
  | 'interruptions'
  | 'activeSeconds'
  | 'engagementPercentage'
>;

/**
 * The measures that need nobody else (product §5, measures).
 *
 * @param lesson `[S, E)`
 * @param engagedMs activity, or presence where the class had no heartbeat
 */
export function ownMeasures(
  presence: Presence,
  activity: readonly Interval[],
  engagedMs: number,
  lesson: Interval,
  policy: Pick<Policy, 'lateAfterMs'>,
): OwnMeasures {
  const lengthMs = lesson.endMs - lesson.startMs;
  const lateMs = latenessMs(presence.counted, lesson);
  const isLate = lateMs !== null && lateMs > policy.lateAfterMs;
  const last = presence.counted.at(-1);
  const presentSeconds = wholeSeconds(presence.presenceMs);
  return {
    presentSeconds,
    bridgedSeconds: wholeSeconds(presence.bridgedMs),
    durationMinutes: minutesOf(presentSeconds),
    attendancePercentage: percentage(presence.presenceMs, lengthMs),
    latenessSeconds: lateMs === null ? null : wholeSeconds(lateMs),
    isLate,
    lateMinutes: isLate ? wholeMinutes(lateMs) : 0,
    earlyLeaveSeconds: last === undefined ? null : wholeSeconds(Math.max(0, lesson.endMs - last.endMs)),
    interruptions: gaps(presence.counted).length,
    activeSeconds: wholeSeconds(total(activity)),
    engagementPercentage: percentage(engagedMs, lengthMs),
  };
}

/** Does the connection share time with the window of `first_join`? One without a beginning does not. */
export function inJoinWindow(connection: Connection, joinWindow: Interval): boolean {
  const { beginMs, endMs } = connection;
  return beginMs !== null && touches({ startMs: beginMs, endMs }, joinWindow);
}

/**
 * `first_join` and `last_leave`: earliest beginning and latest end, unclipped, also when nothing counted; no
 * `last_leave` while live and connected.
 */
export function comingAndGoing(
  counting: readonly Connection[],
  joinWindow: Interval,
): { firstJoinMs: number | null; lastLeaveMs: number | null } {
  let firstJoinMs = Number.POSITIVE_INFINITY;
  let lastLeaveMs = Number.NEGATIVE_INFINITY;
  let connected = false;
  for (const connection of counting) {
    if (connection.beginMs === null || !inJoinWindow(connection, joinWindow)) continue;
    firstJoinMs = Math.min(firstJoinMs, connection.beginMs);
    lastLeaveMs = Math.max(lastLeaveMs, connection.endMs);
    connected ||= connection.connected;
  }
  if (!Number.isFinite(firstJoinMs)) return { firstJoinMs: null, lastLeaveMs: null };
  return { firstJoinMs, lastLeaveMs: connected ? null : lastLeaveMs };
}
