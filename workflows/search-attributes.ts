import type { SearchAttributePair } from '@temporalio/common';
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { PHASE, START } from './attribute-keys.ts';
import type { Phase } from './messages.ts';

/** All of them for the run that follows, which would have none otherwise. */
export const attributesForPhase = (phase: Phase): SearchAttributePair[] =>
  workflowInfo()
    .typedSearchAttributes.updateCopy([{ key: PHASE, value: phase }])
    .getAll();

/** Says which phase follows in this same run, or that none does. */
export const showPhase = (phase: Phase | 'settled'): void =>
  upsertSearchAttributes([{ key: PHASE, value: phase }]);

/** Says when the class starts, if that has changed. */
export function showStart(startMs: number): void {
  if (workflowInfo().typedSearchAttributes.get(START)?.getTime() === startMs) return;
  upsertSearchAttributes([{ key: START, value: new Date(startMs) }]);
}
