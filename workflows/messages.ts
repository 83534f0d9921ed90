/** What a class session hears and answers. Bells carry nothing: the workflow reads again what it needs. */
import { defineQuery, defineSignal } from '@temporalio/workflow';

/** The class was moved, changed or cancelled. */
export const planChanged = defineSignal('planChanged');
/**
 * Evidence came, or somebody decided who a participant is. Matters while reconciling; before the end only to a LiveKit class,
 * whose room became occupied, empty or closed.
 */
export const evidenceArrived = defineSignal('evidenceArrived');

export type Phase = 'await-start' | 'live' | 'reconcile';

/** What an operator reads in the Temporal UI about one class. Ids and counts only, never people. */
export interface SessionStatus {
  phase: Phase;
  doing: string;
  /** ISO instant of the next thing to happen, when one is planned. */
  next_at: string | null;
  class_status: string | null;
  polls: number;
  attempts: number;
  bells: number;
  /** In the call at the last successful fetch. */
  present: number | null;
  /** Why the last fetch failed. */
  capture_problem: string | null;
  /** Codes of what the evidence still lacks. */
  missing: string[];
}
export const status = defineQuery<SessionStatus>('status');
