import { z } from 'zod';
import { readMarks } from '../db/marks.ts';
import { findPeopleById } from '../db/people.ts';
import { readClass } from '../db/plans.ts';
import { STAFF } from './authentication.ts';
import { etagField, pastMarkSchema, pastMarkShape } from './mark-shape.ts';
import { marksTag } from './marks-tag.ts';
import { mustBeOwn } from './own-class.ts';
import { read } from './route.ts';

const historySchema = z
  .object({
    class_id: z.string(),
    marks: z.array(pastMarkSchema).meta({ description: 'All of them, the oldest first' }),
    etag: etagField,
  })
  .meta({ id: 'MarkHistory' });

export const markHistoryRoute = read({
  path: '/api/tutor/sessions/{session_id}/attendance',
  operationId: 'readMarkHistory',
  tag: 'marking',
  summary: 'Who marked whom as what, when, and what it replaced',
  roles: [...STAFF, 'teacher'],
  etag: true,
  answers: { 200: { description: 'Every mark ever made in the class', schema: historySchema } },
  async handle(tx, call): Promise<z.output<typeof historySchema>> {
    const { ref, tenantId } = call;
    await mustBeOwn(tx, call);
    const { row } = await readClass(tx, ref);
    const marks = await readMarks(tx, ref);
    const ids = [...new Set(marks.history.map(({ personId }) => personId))];
    const persons = await findPeopleById(tx, tenantId, ids);
    return {
      class_id: row.id,
      marks: marks.history.map((mark) => pastMarkShape(mark, persons.get(mark.personId))),
      etag: marksTag(marks),
    };
  },
});
