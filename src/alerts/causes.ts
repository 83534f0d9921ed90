/** What is cause for alarm while a class is on. Pure: the caller reads what is known and says what time it is. */
import type { Provider, RosterEntry } from '../attendance/facts.ts';
import type { Stay } from '../attendance/record.ts';

export interface Cause {
  kind: 'teacher_missing' | 'student_missing' | 'capture_silent' | 'unmatched_person';
  /** A person's id, `source:identity` of somebody unmatched, or empty: the class as a whole. */
  about: string;
  message: string;
}

/** What an alert is about. */
export type Subject = Pick<Cause, 'kind' | 'about'>;

export interface ClassOnView {
  provider: Provider;
  startMs: number;
  endMs: number;
  /** How often the room is looked at. */
  checkMs: number;
  roster: readonly (RosterEntry & { name: string })[];
  /** With `leaveMs` null for whoever is in now. */
  stays: readonly Stay[];
  /** Whoever waits in the review queue, with a name to show. */
  unmatched: ReadonlyMap<string, string>;
  /** The latest successful listing, and the latest event or listing of all. */
  listedMs: number | null;
  heardMs: number | null;
}

export interface AlarmTimes {
  teacherMs: number;
  studentMs: number;
}

/** So long after it should have been heard of a source is silent: one look failed and so did the next. */
const SILENT_CHECKS = 2;
const SILENT_SLACK_MS = 60_000;
/** While there is cause for alarm somebody waits for its end; a look costs a dozen statements. */
const ALARMED_MS = 15_000;
/** Whoever was seen unmatched may come back, and tells nobody. */
const UNMATCHED_MS = 60_000;

/**
 * @param times milliseconds after the start
 * @returns what is cause for alarm at `nowMs`; what could be, or be none any more, and nobody can tell while the source is
 * silent; and when to look again although nothing was heard
 */
export function causesForAlarm(
  view: ClassOnView,
  times: AlarmTimes,
  nowMs: number,
): { causes: Cause[]; undecided: Subject[]; nextMs: number } {
  const causes: Cause[] = [];
  const undecided: Subject[] = [];
  if (nowMs >= view.endMs) return { causes, undecided, nextMs: Number.POSITIVE_INFINITY };
  const next: number[] = [view.endMs];

  const silentMs = silentFrom(view);
  const silent = silentMs !== null && nowMs >= silentMs;
  if (silent) causes.push({ kind: 'capture_silent', about: '', message: silence(view) });
  else if (silentMs !== null) next.push(silentMs);

  for (const { personId, role, name } of view.roster) {
    const dueMs = view.startMs + (role === 'teacher' ? times.teacherMs : times.studentMs);
    if (nowMs < dueMs) {
      next.push(dueMs);
      continue;
    }
    const there = view.stays.some(
      (stay) => stay.personId === personId && (stay.leaveMs === null || stay.leaveMs > dueMs),
    );
    if (there) continue;
    const kind = role === 'teacher' ? 'teacher_missing' : 'student_missing';
    // Meet tells only when it is asked: nobody is missing who was not looked for since, nor when it does not answer.
    if (silent) {
      undecided.push({ kind, about: personId });
      continue;
    }
    if (view.provider === 'meet' && (view.listedMs ?? 0) < dueMs) {
      next.push(nowMs + ALARMED_MS);
      continue;
    }
    causes.push({
      kind,
      about: personId,
      message: `${name} (${role}) was not there ${minutes(dueMs - view.startMs)} after the start`,
    });
  }

  for (const { identity, source, leaveMs, role } of view.stays) {
    if (role !== 'guest' || identity === null || leaveMs !== null) continue;
    const about = `${source}:${identity}`;
    const shown = view.unmatched.get(about);
    if (shown === undefined || causes.some((cause) => cause.about === about)) continue;
    causes.push({
      kind: 'unmatched_person',
      about,
      message: `somebody whom nobody has matched yet is in the room: ${shown}`,
    });
  }
  if (causes.length > 0) next.push(nowMs + ALARMED_MS);
  else if (view.unmatched.size > 0) next.push(nowMs + UNMATCHED_MS);
  return { causes, undecided, nextMs: Math.min(...next) };
}

/** From when on a source that should be talking is silent; null: it talks only when people do something. */
function silentFrom({ provider, startMs, heardMs, checkMs }: ClassOnView): number | null {
  if (provider === 'whiteboard') return null;
  return Math.max(startMs, heardMs ?? startMs) + SILENT_CHECKS * checkMs + SILENT_SLACK_MS;
}

function silence({ provider, heardMs }: ClassOnView): string {
  const since = heardMs === null ? 'at all' : `since ${new Date(heardMs).toISOString()}`;
  return `nothing was heard of ${provider === 'meet' ? 'Google Meet' : 'LiveKit'} ${since}`;
}

function minutes(ms: number): string {
  const whole = Math.round(ms / 1_000);
  return whole % 60 === 0 ? `${whole / 60} min` : `${whole} s`;
}
