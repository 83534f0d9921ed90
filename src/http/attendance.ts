import { z } from 'zod';
import { missingWith } from '../attendance/effective-status.ts';
import type { PersonAttendance } from '../attendance/record.ts';
import {
  calculateClass,
  calculateLive,
  readCalculation,
  type StoredCalculation,
} from '../db/calculations.ts';
import { wakeIfWhole } from '../db/change-class.ts';
import { phaseOf } from '../db/class-phase.ts';
import { statusAt } from '../db/classes.ts';
import type { ClassRef, Tx } from '../db/client.ts';
import { readMarks } from '../db/marks.ts';
import { findPeopleById } from '../db/people.ts';
import { readClass } from '../db/plans.ts';
import { PolicyNotFound, policyOf } from '../db/policy-in-force.ts';
import { attendanceSchema, type RecordFrame, recordShape } from './attendance-shape.ts';
import { STAFF } from './authentication.ts';
import { wholeNumber } from './fields.ts';
import { marksTag } from './marks-tag.ts';
import { mustBeOwn } from './own-class.ts';
import { invalid, notFound, Problem } from './problem.ts';
import { change, read } from './route.ts';

const versionNumber = wholeNumber(1, 2_147_483_647);

const answers = { 200: { description: 'Who was there, and why it is so', schema: attendanceSchema } };

export const attendanceRoutes = [
  read({
    path: '/api/classes/{class_id}/attendance',
    operationId: 'readAttendance',
    tag: 'attendance',
    summary: 'The attendance of a class',
    description:
      'Before the first calculation everybody is pending whom nobody marked, and the figures are live and provisional. A mark sets the status and nothing else. The ETag names the marks, not the figures: it is for If-Match.',
    roles: [...STAFF, 'teacher'],
    query: z.strictObject({ version: versionNumber.optional() }),
    etag: true,
    answers,
    async handle(tx, call) {
      const { ref, query, deps } = call;
      await mustBeOwn(tx, call);
      const nowMs = deps.now();
      const stored = await readCalculation(tx, ref, query.version);
      if (stored !== null) return await storedAttendance(tx, ref, stored, nowMs);
      if (query.version !== undefined) {
        await readClass(tx, ref);
        throw notFound(`version ${query.version} of this class's attendance`);
      }
      return await liveAttendance(tx, ref, nowMs);
    },
  }),
  change({
    path: '/api/classes/{class_id}/recalculate',
    operationId: 'recalculate',
    tag: 'attendance',
    summary: 'Calculate now',
    description:
      'Equal inputs answer the version that is there. Without a policy_version the class keeps its own.',
    roles: ['admin', 'service'],
    body: z
      .strictObject({ policy_version: z.int().min(0).max(2_147_483_647).optional() })
      .optional()
      .meta({ id: 'Recalculate' }),
    answers,
    async handle(tx, { ref, body: given, deps }) {
      const found = await readClass(tx, ref, 'for update');
      const nowMs = deps.now();
      const phase = await phaseOf(tx, found, nowMs);
      if (phase === 'cancelled') throw new Problem('conflict', 'the class is cancelled');
      if (phase === 'ahead' || phase === 'active') {
        throw new Problem('conflict', 'the class has not ended; until then its attendance is pending');
      }
      const policyVersion = given?.policy_version;
      try {
        const stored = await calculateClass(tx, ref, policyVersion === undefined ? {} : { policyVersion });
        const body = await storedAttendance(tx, ref, stored, nowMs);
        await wakeIfWhole(tx, found.row, stored.missing);
        return { status: 200, body };
      } catch (error) {
        if (!(error instanceof PolicyNotFound)) throw error;
        throw invalid({ field: 'policy_version', message: `${error.message}; GET /api/policies lists them` });
      }
    },
  }),
];

type Attendance = z.output<typeof attendanceSchema>;

async function storedAttendance(
  tx: Tx,
  ref: ClassRef,
  stored: StoredCalculation,
  nowMs: number,
): Promise<Attendance> {
  const { row } = await readClass(tx, ref);
  const { policy, version, inputsHash, isComplete, people } = stored;
  const marks = await readMarks(tx, ref);
  const calculation = { version, inputsHash, isComplete };
  return {
    class_id: row.id,
    status: statusAt(row, nowMs),
    is_complete: isComplete,
    missing: missingWith(stored.missing, people, marks.standing),
    records: await recordsOf(tx, ref, people, { policy, calculation, marks: marks.standing }),
    etag: marksTag(marks),
  };
}

async function liveAttendance(tx: Tx, ref: ClassRef, nowMs: number): Promise<Attendance> {
  const { row } = await readClass(tx, ref);
  const live = await calculateLive(tx, ref, nowMs);
  const policy = await policyOf(tx, row);
  const marks = await readMarks(tx, ref);
  return {
    class_id: row.id,
    status: statusAt(row, nowMs),
    is_complete: false,
    missing: row.missing,
    records: await recordsOf(tx, ref, live.people, { policy, calculation: null, marks: marks.standing }),
    etag: marksTag(marks),
  };
}

/** Teachers first, then by address. */
async function recordsOf(tx: Tx, ref: ClassRef, people: PersonAttendance[], frame: RecordFrame) {
  const persons = await findPeopleById(
    tx,
    ref.tenantId,
    people.map((one) => one.personId),
  );
  const key = (one: { role: string; email: string | null }) =>
    `${one.role === 'teacher' ? 0 : 1}${one.email}`;
  return people
    .map((one) => recordShape(one, persons.get(one.personId), frame))
    .sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
