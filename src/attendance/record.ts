import type { RosterRole } from './facts.ts';

export type AttendanceStatus = 'pending' | 'present' | 'late' | 'partial' | 'absent' | 'unknown' | 'excused';
export type Confidence = 'high' | 'medium' | 'low';
export type Flag =
  | 'inferred'
  | 'estimated'
  | 'open'
  | 'reconciled'
  | 'mostly_bridged'
  | 'no_conference'
  | 'unmatched_participant'
  | 'incomplete_evidence';

/** Why the evidence of a class is not complete, as a stable code and in words an operator understands. */
export interface Missing {
  code: string;
  message: string;
}

/**
 * What the rule says on what is known at that moment, also while the record is still `pending`; the tutor's suggestion
 * is made of it (product §7).
 */
export interface Suggestion {
  status: 'present' | 'late' | 'partial' | 'absent' | 'unknown';
  confidence: Confidence | null;
  /** Whole minutes between `S` and the first counted interval, or under astegni the first active one; else null. */
  latenessMinutes: number | null;
  /** Activity in percent of the lesson, or presence where the class had no heartbeat. */
  engagementPercentage: number;
  activeMinutes: number;
  /** The sentences of the explanation that decided. */
  reasons: string[];
}

/** The calculated attendance of one person in one class, named as the API answers it (product §5, §8). */
export interface PersonAttendance {
  personId: string;
  role: RosterRole;
  status: AttendanceStatus;
  isFinal: boolean;
  confidence: Confidence | null;
  /** Whole minutes of presence that are known, given with `unknown`. */
  atLeastMinutes: number | null;
  presentSeconds: number;
  bridgedSeconds: number;
  durationMinutes: number;
  attendancePercentage: number;
  firstJoinMs: number | null;
  lastLeaveMs: number | null;
  latenessSeconds: number | null;
  isLate: boolean;
  lateMinutes: number;
  earlyLeaveSeconds: number | null;
  interruptions: number;
  pairedSeconds: number;
  pairedIsProvisional: boolean;
  waitingSeconds: number;
  activeSeconds: number;
  engagementPercentage: number;
  flags: Flag[];
  needsReview: boolean;
  explanation: string;
  /** Events behind the record in the order of their times. */
  eventIds: string[];
  suggestion?: Suggestion;
}

/** One stay: the union of the in-call connections of a person or guest, unbridged (attendance logs, product §8). */
export interface Stay {
  personId: string | null;
  /** The provider's name for somebody who is not matched. */
  identity: string | null;
  role: RosterRole | 'guest';
  source: string;
  joinMs: number;
  /** Null while live and connected. */
  leaveMs: number | null;
  /** The part inside the counting window, milliseconds. */
  countedMs: number;
}

export interface ClassAttendance {
  classId: string;
  windowStartMs: number;
  windowEndMs: number;
  isComplete: boolean;
  missing: Missing[];
  /** Absent for a live view. */
  inputsHash: string | null;
  people: PersonAttendance[];
  stays: Stay[];
}
