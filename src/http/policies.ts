import { z } from 'zod';
import { checkPolicyDefinition } from '../attendance/check-policy.ts';
import type { PolicyDefinition } from '../attendance/policy.ts';
import { addPolicy, listPolicies, type PolicyRow } from '../db/policies.ts';
import { cursorText, pageOf, readCursor, writeCursor } from './cursor.ts';
import { calendarDate, iso, line, page, shownInstant } from './fields.ts';
import { listOf } from './list-schema.ts';
import { invalid } from './problem.ts';
import { change, read } from './route.ts';

const number = z.number('must be a number').optional();

const rules = {
  late_after_minutes: number,
  absent_below_percent: number,
  partial_up_to_percent: number,
  present_above_percent: number,
  absent_when_later_than_minutes: number,
  overrun_minutes: number,
  bridge_seconds: number,
  min_presence_seconds: number,
  empty_settles_after_hours: number,
};

const definition = z.strictObject({
  name: line(100),
  preset: z.enum(['itqan', 'astegni', 'musa']),
  effective_from: calendarDate.meta({ description: "First day on which it holds, in the tenant's zone" }),
  ...rules,
});

const policySchema = z
  .object({ ...definition.shape, version: z.int(), created_by: z.string(), created_at: shownInstant })
  .meta({ id: 'Policy' });

export const policyRoutes = [
  read({
    path: '/api/policies',
    operationId: 'listPolicies',
    tag: 'policies',
    summary: "The tenant's own policies, every version",
    description: 'The presets itqan, astegni and musa are always there beside them.',
    roles: ['admin'],
    query: z.strictObject(page),
    answers: { 200: { description: 'A page of versions', schema: listOf(policySchema) } },
    async handle(tx, { tenantId, query }) {
      const after = readCursor(
        'policies',
        z.tuple([cursorText, z.int().min(0).max(2_147_483_647)]),
        query.cursor,
      );
      const rows = await listPolicies(tx, tenantId, {
        after: after === null ? null : { name: after[0], version: after[1] },
        limit: query.limit + 1,
      });
      return pageOf(rows, query.limit, policyShape, ({ name, version }) =>
        writeCursor('policies', [name, version]),
      );
    },
  }),
  change({
    path: '/api/policies',
    operationId: 'addPolicy',
    tag: 'policies',
    summary: 'Define a policy, or its next version',
    description: 'What is left out is the value of the preset.',
    roles: ['admin'],
    body: definition.meta({ id: 'AddPolicy' }),
    answers: { 201: { description: 'The version, stored', schema: policySchema } },
    async handle(tx, { tenantId, caller, body }) {
      const problems = checkPolicyDefinition(body);
      if (problems.length > 0) throw invalid(...problems);
      return { status: 201, body: policyShape(await addPolicy(tx, tenantId, body, caller.sub)) };
    },
  }),
];

function policyShape({
  definition: stored,
  version,
  createdBy,
  createdAt,
}: PolicyRow): z.output<typeof policySchema> {
  const shown: PolicyDefinition = stored;
  return { ...shown, version, created_by: createdBy, created_at: iso(createdAt) };
}
