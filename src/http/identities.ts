import { z } from 'zod';
import { calculateClass } from '../db/calculations.ts';
import type { Tx } from '../db/client.ts';
import { type Decision, decideIdentity, type IdentityView, listIdentities } from '../db/identities.ts';
import { findPeopleById } from '../db/people.ts';
import { cursorMs, pageOf, readCursor, writeCursor } from './cursor.ts';
import { waitsForEvidence } from './evidence-bell.ts';
import { iso, page, shownInstant, uuid } from './fields.ts';
import { listOf } from './list-schema.ts';
import { invalid, notFound, Problem } from './problem.ts';
import { type Call, type Change, change, read } from './route.ts';

const state = z.enum(['unmatched', 'matched', 'dismissed']);

const identitySchema = z
  .object({
    id: z.string(),
    source: z.string(),
    identity: z.string(),
    kind: z.enum(['signed_in', 'anonymous', 'phone', 'other', 'machine']),
    display_name: z.string().nullable(),
    email: z.string().nullable(),
    person_id: z.string().nullable().meta({ description: 'Remembered for the classes to come' }),
    first_seen_at: shownInstant,
    classes: z
      .array(
        z.object({
          class_id: z.string(),
          subject: z.string(),
          start_time: shownInstant,
          state,
          person_id: z.string().nullable(),
        }),
      )
      .meta({ description: 'Where it was seen, the latest first, at most 20' }),
  })
  .meta({ id: 'Identity' });

const decided = { 200: { description: 'The identity as it stands now', schema: identitySchema } };
const matchBody = z
  .strictObject({ person_id: uuid, remember: z.boolean('must be true or false').default(false) })
  .meta({ id: 'MatchIdentity' });

export const identityRoutes = [
  read({
    path: '/api/identities',
    operationId: 'listIdentities',
    tag: 'identities',
    summary: 'The review queue: names that providers gave people',
    roles: ['admin'],
    query: z.strictObject({ state: state.optional(), ...page }),
    answers: { 200: { description: 'A page of identities', schema: listOf(identitySchema) } },
    async handle(tx, { tenantId, query }) {
      const after = readCursor('identities', z.tuple([cursorMs, uuid]), query.cursor);
      const rows = await listIdentities(tx, tenantId, {
        state: query.state,
        after: after === null ? null : { firstSeenMs: after[0], id: after[1] },
        limit: query.limit + 1,
      });
      return pageOf(rows, query.limit, identityShape, ({ firstSeenAt, id }) =>
        writeCursor('identities', [firstSeenAt.getTime(), id]),
      );
    },
  }),
  change({
    path: '/api/identities/{identity_id}/match',
    operationId: 'matchIdentity',
    tag: 'identities',
    summary: 'Say which person this is',
    description:
      'Holds in every class where the identity waits, or, when it waits nowhere, in every class it was seen in; with remember also in every class to come. Each class it touches is calculated again.',
    roles: ['admin'],
    body: matchBody,
    answers: decided,
    async handle(tx, call) {
      const { person_id: personId, remember } = call.body;
      const known = await findPeopleById(tx, call.tenantId, [personId]);
      if (!known.has(personId))
        throw invalid({ field: 'person_id', message: 'must be the id of a person of this tenant' });
      return await decide(tx, call, { action: 'match', personId, remember });
    },
  }),
  change({
    path: '/api/identities/{identity_id}/dismiss',
    operationId: 'dismissIdentity',
    tag: 'identities',
    summary: 'Say that this is nobody of the class',
    roles: ['admin'],
    answers: decided,
    handle: (tx, call) => decide(tx, call, { action: 'dismiss', personId: null, remember: false }),
  }),
  change({
    path: '/api/identities/{identity_id}/unmatch',
    operationId: 'unmatchIdentity',
    tag: 'identities',
    summary: 'Take back what was decided; the identity waits again',
    roles: ['admin'],
    answers: decided,
    handle: (tx, call) => decide(tx, call, { action: 'unmatch', personId: null, remember: false }),
  }),
];

async function decide(
  tx: Tx,
  { deps, tenantId, id, caller }: Call<unknown, unknown>,
  decision: Omit<Decision, 'decidedBy'>,
): Promise<Change> {
  const result = await decideIdentity(tx, tenantId, id, { ...decision, decidedBy: caller.sub });
  if (result.kind === 'not_found') throw notFound('identity');
  if (result.kind === 'machine')
    throw new Problem('conflict', 'this identity is a machine and never a person');
  // A decision touches few classes, and a calculation takes one at a time.
  const rings: (() => Promise<void>)[] = [];
  for (const touched of result.touched) {
    const ref = { tenantId, classId: touched.classId };
    if (touched.calculated) await calculateClass(tx, ref);
    if (waitsForEvidence(touched, deps.now())) rings.push(await deps.evidenceBell.prepare(tx, ref));
  }
  const [view] = await listIdentities(tx, tenantId, { id, after: null, limit: 1 });
  if (!view) throw notFound('identity');
  return {
    status: 200,
    body: identityShape(view),
    afterCommit: async () => {
      await Promise.all(rings.map((ring) => ring()));
    },
  };
}

function identityShape(view: IdentityView): z.output<typeof identitySchema> {
  return {
    id: view.id,
    source: view.source,
    identity: view.identity,
    kind: view.kind,
    display_name: view.displayName,
    email: view.email,
    person_id: view.personId,
    first_seen_at: iso(view.firstSeenAt),
    classes: view.classes,
  };
}
