import { gaps, type Interval, total } from './intervals.ts';
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
