/** A class is cancelled in every phase of its life. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evidenceOf } from './evidence.ts';
import { endingOf, workflowsOf } from './history.ts';
import {
  callsFor,
  classOf,
  everybodyComes,
  type Lesson,
  type LessonPlan,
  meetingCodeOf,
  schedule,
  untilSettled,
  untilStatus,
} from './lesson.ts';
import { startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall();
});
afterAll(async () => {
  await rollcall?.stop();
});

const cancel = ({ id }: Lesson) =>
  rollcall.call<{ status: string }>('POST', `/api/classes/${id}/cancel`, { reason: 'The teacher is ill.' });

interface Case {
  phase: string;
  plan: LessonPlan;
  /** Somebody has been in the room. */
  met: boolean;
  /** The room is ours, so Google is asked to send everybody home. */
  closes: boolean;
}
const CASES: Case[] = [
  { phase: 'scheduled', plan: { startsIn: 3_600 }, met: false, closes: false },
  { phase: 'open', plan: { startsIn: 14, body: { open_lead_seconds: 20 } }, met: false, closes: true },
  { phase: 'active', plan: { startsIn: 8, seconds: 3_600 }, met: true, closes: true },
  {
    phase: 'ended',
    plan: { startsIn: 12, seconds: 3, body: { grace_seconds: 3_600 } },
    met: true,
    closes: true,
  },
  { phase: 'reconciling', plan: { startsIn: 12, seconds: 2 }, met: false, closes: true },
];

test.concurrent.for(CASES)(
  'a class that is $phase can be cancelled',
  async ({ phase, plan, met, closes }) => {
    const lesson = await schedule(rollcall, { ...plan, asksForSpace: closes });
    if (met) await everybodyComes(rollcall, lesson);
    // A class may be open before Google gave it a space, and then there is no room to close.
    if (closes) await meetingCodeOf(rollcall, lesson);
    await untilStatus(rollcall, lesson, phase);
    const before = met
      ? await until('evidence', async () => {
          const { events } = await evidenceOf(rollcall, lesson);
          return events.length > 0 && events;
        })
      : [];
    const answer = await cancel(lesson);
    expect([answer.status, answer.body.status]).toEqual([200, 'cancelled']);

    expect(await endingOf(rollcall, lesson)).toBe('cancelled');
    const { status, settled_at: settled } = await classOf(rollcall, lesson);
    expect([status, settled === null]).toEqual(['cancelled', false]);
    expect(await callsFor(rollcall, lesson, 'POST /v2/spaces/{id}')).toHaveLength(closes ? 1 : 0);
    const { events, calculations } = await evidenceOf(rollcall, lesson);
    expect(events.map((event) => event.source_event_id)).toEqual(
      expect.arrayContaining(before.map((event) => event.source_event_id)),
    );
    // Nothing is calculated for a lesson that was called off; what was calculated before stays.
    expect(calculations.length > 0).toBe(phase === 'reconciling');
    expect(await workflowsOf(rollcall, lesson)).toBe(1);
    expect((await cancel(lesson)).status).toBe(409);
  },
);

test.concurrent('a class that is settled can no longer be cancelled', async () => {
  const lesson = await schedule(rollcall, { startsIn: 6, seconds: 3 });
  await everybodyComes(rollcall, lesson);
  await untilSettled(rollcall, lesson);
  expect((await cancel(lesson)).status).toBe(409);
  expect((await classOf(rollcall, lesson)).status).toBe('completed');
});
