/**
 * The life of one class, from its scheduling until its attendance is settled: await the start, be live, reconcile.
 * The database is the truth and this is the plan: it holds no person, no event and no figure, and reads again what it
 * needs whenever a bell is rung. Every phase that is waited for is a run of its own, so that histories stay short and
 * new code takes over at the next edge.
 */
import {
  allHandlersFinished,
  condition,
  makeContinueAsNewFunc,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { type Alarm, type Bells, createAlarm, hearBells } from './bells.ts';
import { type Phase, type SessionStatus, status } from './messages.ts';
import { awaitStart } from './phases/await-start.ts';
import { live } from './phases/live.ts';
import { reconcileUntilSettled } from './phases/reconcile.ts';
import { attributesForPhase, showPhase } from './search-attributes.ts';

export interface ClassSession {
  tenantId: string;
  classId: string;
  phase: Phase;
  /** What the phase before learned; plain data. */
  attempts?: number;
  /** A bell that was heard at the edge between two phases and still wants an answer. */
  rung?: boolean;
}

export type Ending = 'completed' | 'incomplete' | 'cancelled';
/** How a phase ends: the class is settled, or another phase follows in a run of its own. */
export type PhaseEnd = { kind: 'settled'; as: Ending } | { kind: 'next'; phase: Phase; attempts?: number };

/** What a phase works with. */
export interface Room {
  session: ClassSession;
  bells: Bells;
  alarm: Alarm;
  /** The status that an operator reads, kept up to date by the phase. */
  board: SessionStatus;
}

const PHASES: Record<Phase, (room: Room) => Promise<PhaseEnd>> = {
  'await-start': awaitStart,
  live,
  reconcile: reconcileUntilSettled,
};

export async function classSession(session: ClassSession): Promise<Ending> {
  const bells = hearBells();
  if (session.rung) bells.evidence = true;
  const board = emptyBoard(session);
  setHandler(status, () => ({ ...board, bells: bells.count }));

  const alarm = createAlarm();
  let end = await PHASES[session.phase]({ session, bells, board, alarm });
  if (end.kind === 'next' && end.phase !== session.phase && isYoung()) {
    board.phase = end.phase;
    showPhase(end.phase);
    end = await PHASES[end.phase]({ session: { ...session, phase: end.phase }, bells, board, alarm });
  }
  await condition(allHandlersFinished);
  if (end.kind === 'settled') {
    showPhase('settled');
    return end.as;
  }

  const next = makeContinueAsNewFunc<typeof classSession>({
    typedSearchAttributes: attributesForPhase(end.phase),
  });
  return await next({
    tenantId: session.tenantId,
    classId: session.classId,
    phase: end.phase,
    attempts: end.attempts ?? 0,
    rung: bells.evidence || bells.plan,
  });
}

/**
 * Temporal holds a run back until the one before it is a second old. A class that is due as soon as it is scheduled is
 * not kept waiting for that: its second phase follows in the first one's run.
 */
const isYoung = (): boolean => Date.now() - workflowInfo().runStartTime.getTime() < 1_000;

const emptyBoard = ({ phase, attempts = 0 }: ClassSession): SessionStatus => ({
  phase,
  doing: 'reading the plan',
  next_at: null,
  class_status: null,
  polls: 0,
  attempts,
  bells: 0,
  present: null,
  capture_problem: null,
  missing: [],
});
