/**
 * The life of one class, from its scheduling until its attendance is settled: await the start, be live, reconcile.
 * The database is the truth and this is the plan: it holds no person, no event and no figure, and reads again what it
 * needs whenever a bell is rung. Every phase is a run of its own, so that histories stay short and new code takes over
 * at the next edge.
 */
import { allHandlersFinished, condition, makeContinueAsNewFunc, setHandler } from '@temporalio/workflow';
import { type Bells, hearBells } from './bells.ts';
import { type Phase, type SessionStatus, status } from './messages.ts';
import { awaitStart } from './phases/await-start.ts';
import { live } from './phases/live.ts';
import { reconcileUntilSettled } from './phases/reconcile.ts';
import { attributesForPhase } from './search-attributes.ts';

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

  const end = await PHASES[session.phase]({ session, bells, board });
  await condition(allHandlersFinished);
  if (end.kind === 'settled') return end.as;

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
