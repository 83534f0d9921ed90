/** Google refuses, fails or keeps silent: what the class says, how often Google is asked, and what comes out. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spaceNameOf } from './evidence.ts';
import { pollsOf, runsOf, workflowsOf } from './history.ts';
import {
  callsFor,
  classOf,
  everybodyComes,
  type Lesson,
  RECORDS,
  schedule,
  statuses,
  untilProblem,
  untilSettled,
  untilStatus,
} from './lesson.ts';
import { startTestRollcall, type TestRollcall, until } from './test-rollcall.ts';

const STRANGER = 'stranger@school.example';
/** Enough to plant a fault before the class opens. */
const STARTS_IN = 12;

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall({ ROLLCALL_RETRY_FOR_SECONDS: '12' });
  await rollcall.google.setDelegation({ not_impersonable: [STRANGER] });
});
afterAll(async () => {
  await rollcall?.stop();
});

type Fault = Omit<Parameters<TestRollcall['google']['plantFault']>[0], 'match'>;

/** Meets the listings of conference records of this lesson's space and no others. */
async function plant(lesson: Lesson, fault: Fault): Promise<void> {
  const name = await until('the space', () => spaceNameOf(rollcall, lesson));
  await rollcall.google.plantFault({
    match: `conferenceRecords\\?.*${name.slice('spaces/'.length)}`,
    ...fault,
  });
}

/** The instants at which Google was asked for the conference records of the lesson. */
const askedAt = async (lesson: Lesson): Promise<number[]> =>
  (await callsFor(rollcall, lesson))
    .filter(({ route }) => route === RECORDS)
    .map(({ atMs }) => atMs)
    .sort((a, b) => a - b);

const asksOf = async (lesson: Lesson): Promise<number> =>
  (await runsOf(rollcall, lesson)).flatMap(pollsOf).reduce((sum, { attempts }) => sum + attempts, 0);

describe.concurrent('when Google refuses', () => {
  describe('a trouble that passes', () => {
    test.for<[Fault, string]>([
      [{ status: 401 }, 'unauthenticated'],
      [{ status: 403 }, 'forbidden'],
      [{ status: 403, reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }, 'scope_missing'],
      [{ status: 404 }, 'not_found'],
      [{ status: 429 }, 'rate_limited'],
      [{ status: 500 }, 'unavailable'],
      [{ status: 503 }, 'unavailable'],
      [{ drop: true }, 'unavailable'],
    ])('%j is on the class as %s until it has passed, and costs nobody anything', async ([fault, code]) => {
      const lesson = await schedule(rollcall, {
        startsIn: STARTS_IN,
        seconds: 8,
        body: { open_lead_seconds: 5 },
      });
      await everybodyComes(rollcall, lesson);
      await plant(lesson, { ...fault, for_seconds: (lesson.startMs - Date.now()) / 1_000 + 5 });
      const { message } = await untilProblem(rollcall, lesson, code);
      if (code === 'scope_missing') expect(message).toContain('meetings.space.readonly');
      const { status, capture_problem: problem } = await untilSettled(rollcall, lesson);
      expect([status, problem]).toEqual(['completed', null]);
      expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);
      expect(await workflowsOf(rollcall, lesson)).toBe(1);
    });

    test('an answer that never comes is given up in time', async () => {
      const lesson = await schedule(rollcall, { startsIn: STARTS_IN, seconds: 12 });
      await everybodyComes(rollcall, lesson);
      await plant(lesson, { hang: true, times: 1 });
      const { status, capture_problem: problem } = await untilSettled(rollcall, lesson);
      expect([status, problem]).toEqual(['completed', null]);
      const hung = (await callsFor(rollcall, lesson)).filter((call) => call.status === 'hung');
      expect(hung).toHaveLength(1);
      expect(await statuses(rollcall, lesson)).toEqual(['present', 'present']);
    });
  });

  describe('a trouble that stays', () => {
    test.for<[Fault, string]>([
      [{ status: 403 }, 'forbidden'],
      [{ status: 503 }, 'unavailable'],
    ])('%j leaves everybody unknown and the class incomplete', async ([fault, code]) => {
      const lesson = await schedule(rollcall, { startsIn: STARTS_IN, seconds: 3 });
      await everybodyComes(rollcall, lesson);
      await plant(lesson, fault);
      await untilStatus(rollcall, lesson, 'reconciling');
      expect(await statuses(rollcall, lesson)).toEqual(['unknown', 'unknown']);
      const settled = await untilSettled(rollcall, lesson);
      expect([settled.status, settled.capture_problem?.code]).toEqual(['incomplete', code]);
      expect(settled.missing.map((one) => one.code)).toEqual(['meet_no_answer', 'people_unknown']);
      expect(await statuses(rollcall, lesson)).toEqual(['unknown', 'unknown']);
      // One question for each fetch, and none in between.
      expect((await askedAt(lesson)).length).toBeLessThanOrEqual(await asksOf(lesson));
    });

    test('a teacher who cannot be impersonated is named, and the class is incomplete', async () => {
      const lesson = await schedule(rollcall, {
        startsIn: STARTS_IN,
        seconds: 3,
        body: { teacher_email: STRANGER },
      });
      const { message } = await untilProblem(rollcall, lesson, 'cannot_impersonate');
      expect(message).toContain(STRANGER);
      const settled = await untilSettled(rollcall, lesson);
      expect([settled.status, settled.capture_problem?.code]).toEqual(['incomplete', 'cannot_impersonate']);
      expect(await statuses(rollcall, lesson)).toEqual(['unknown', 'unknown']);
    });
  });

  describe('Google is not hammered', () => {
    const POLL = 8;
    const body = { poll_seconds: POLL, open_lead_seconds: 5 };
    /** What was asked from the first question until well before the next poll, which is not due by this clock. */
    const firstInterval = async (lesson: Lesson): Promise<number[]> => {
      const first = await until('a first question', async () => (await askedAt(lesson))[0]);
      const nextMs = first + (POLL - 2) * 1_000;
      await until('most of the interval', async () => Date.now() > nextMs);
      return (await askedAt(lesson)).filter((atMs) => atMs < nextMs);
    };

    test('what somebody must change first is asked once for each poll', async () => {
      const lesson = await schedule(rollcall, { startsIn: STARTS_IN, seconds: 30, body });
      await plant(lesson, { status: 403 });
      expect(await firstInterval(lesson)).toHaveLength(1);
    });

    test('a refused token is renewed once for each try, and tries grow rarer', async () => {
      const lesson = await schedule(rollcall, { startsIn: STARTS_IN, seconds: 30, body });
      await plant(lesson, { status: 401 });
      // At once and after 1, 2 and 4 s more, each with the token at hand and with a fresh one.
      const asked = await firstInterval(lesson);
      expect(asked.length).toBeLessThanOrEqual(8);
      expect(asked.length).toBeGreaterThanOrEqual(4);
    });

    test.for([
      ['shorter', POLL, 3],
      ['longer', 1, 4],
    ] as const)('a Retry-After that is %s than the poll is waited out', async ([, poll, seconds]) => {
      const lesson = await schedule(rollcall, {
        startsIn: STARTS_IN,
        seconds: 9,
        body: { poll_seconds: poll },
      });
      await everybodyComes(rollcall, lesson);
      await plant(lesson, { status: 429, retry_after: seconds, times: 1 });
      const [refused = 0, next = 0] = await until('two questions', async () => {
        const asked = await askedAt(lesson);
        return asked.length > 1 && asked;
      });
      // The simulator notes a call when it answers, which is a moment later than it was asked.
      expect(next - refused).toBeGreaterThanOrEqual(seconds * 1_000 - 50);
      expect((await untilSettled(rollcall, lesson)).status).toBe('completed');
    });

    test('a class without a space asks for one once for each poll, however long it lasts', async () => {
      const lesson = await schedule(rollcall, {
        asksForSpace: true,
        startsIn: STARTS_IN,
        seconds: 24,
        body: { teacher_email: STRANGER, student_emails: ['pupil@school.example'], poll_seconds: 60 },
      });
      await until('the end', async () => (await classOf(rollcall, lesson)).ended_at);
      const runs = await runsOf(rollcall, lesson);
      expect(runs.at(-1)?.bells).toBe(0);
      const asked = runs
        .flatMap(({ activities }) => activities)
        .filter(({ name }) => name === 'prepareSpace');
      // When it was scheduled, opened, begun and ended.
      expect(asked.length).toBeLessThanOrEqual(4);
    });
  });
});
