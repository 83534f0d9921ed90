import { z } from 'zod';
import { listSources, registerSource, type Source } from '../db/sources.ts';
import { STAFF } from './authentication.ts';
import { cursorText, pageOf, readCursor, writeCursor } from './cursor.ts';
import { iso, page, shownInstant, slug } from './fields.ts';
import { listOf } from './list-schema.ts';
import { Problem } from './problem.ts';
import { change, read } from './route.ts';

/** The providers whose evidence is collected here; nobody else speaks in their name. */
export const RESERVED_SOURCES: readonly string[] = ['livekit', 'meet', 'whiteboard'];

const kind = z.enum(['in_call', 'supporting']);
const sourceSchema = z.object({ name: z.string(), kind, created_at: shownInstant }).meta({ id: 'Source' });

const body = z
  .strictObject({
    name: slug.refine((name) => !RESERVED_SOURCES.includes(name), {
      error: `must not be ${RESERVED_SOURCES.join(', ')}: these are reserved`,
    }),
    kind,
  })
  .meta({ id: 'RegisterSource' });

export const sourceRoutes = [
  read({
    path: '/api/sources',
    operationId: 'listSources',
    tag: 'evidence',
    summary: 'The sources that this tenant registered',
    roles: [...STAFF, 'service'],
    query: z.strictObject(page),
    answers: { 200: { description: 'A page of sources', schema: listOf(sourceSchema) } },
    async handle(tx, { tenantId, query }) {
      const after = readCursor('sources', z.tuple([cursorText]), query.cursor);
      const rows = await listSources(tx, tenantId, { after: after?.[0] ?? null, limit: query.limit + 1 });
      return pageOf(rows, query.limit, sourceShape, ({ name }) => writeCursor('sources', [name]));
    },
  }),
  change({
    path: '/api/sources',
    operationId: 'registerSource',
    tag: 'evidence',
    summary: 'Register a source of evidence',
    description: 'in_call: being seen there is being in the class. supporting: it only tells more about it.',
    roles: ['admin', 'service'],
    body,
    answers: {
      200: { description: 'It was registered so already', schema: sourceSchema },
      201: { description: 'Registered', schema: sourceSchema },
    },
    async handle(tx, { tenantId, body: given }) {
      const { created, source } = await registerSource(tx, tenantId, given);
      if (source.kind !== given.kind) {
        throw new Problem(
          'conflict',
          `source "${source.name}" is registered as ${source.kind}, not as ${given.kind}`,
        );
      }
      return { status: created ? 201 : 200, body: sourceShape(source) };
    },
  }),
];

function sourceShape({ name, kind, createdAt }: Source): z.output<typeof sourceSchema> {
  return { name, kind, created_at: iso(createdAt) };
}
