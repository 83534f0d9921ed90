import { defineSearchAttributeKey } from '@temporalio/common';

/** What an operator filters by in the Temporal UI. Ids and instants only, never people. */
export const TENANT = defineSearchAttributeKey('RollcallTenant', 'KEYWORD');
export const CLASS = defineSearchAttributeKey('RollcallClass', 'KEYWORD');
export const PHASE = defineSearchAttributeKey('RollcallPhase', 'KEYWORD');
export const START = defineSearchAttributeKey('RollcallStart', 'DATETIME');

/** As `temporal server start-dev --search-attribute` wants them. */
export const ATTRIBUTE_TYPES = {
  [TENANT.name]: 'Keyword',
  [CLASS.name]: 'Keyword',
  [PHASE.name]: 'Keyword',
  [START.name]: 'Datetime',
} as const;
