import { describe, expect, it } from 'vitest';
import type { PresentAnswer } from './answer.ts';
import {
  E,
  HALF_PAST,
  minute,
  PARTICIPANTS,
  RECORDS,
  S,
  SESSIONS,
  TEACHER,
  useSimulatedGoogle,
  WINDOW,
} from './simulated-google.ts';

const google = useSimulatedGoogle();
const student = (n: number, start = S, end: number | null = null) =>
  ({ kind: 'signed_in', user_id: `${n}`, sessions: [{ start, end }] }) as const;

const present = (
  nowMs = HALF_PAST,
  previous?: { memory: PresentAnswer['memory']; recheckAfterMs: number },
) => {
  const { adapterWith, space } = google();
  const query = { subject: TEACHER, spaceName: space.spaceName, window: WINDOW };
  return adapterWith({ now: () => nowMs }).listPresent({ ...query, ...(previous ? { previous } : {}) });
};

describe('who is in the call', () => {
  it('lists open sessions only, of people who have not left', async () => {
    const { control, space, callsTo } = google();
    const { participants: made } = await control.addConference({
      space: space.spaceName,
      participants: [
        { kind: 'signed_in', user_id: '1', sessions: [{ start: S, end: minute(5) }, { start: minute(6) }] },
        student(2, S, minute(9)),
      ],
    });
    const { scope, connections, participants } = await present();
    expect(scope).toBe('present');
    expect(connections.map(({ connection, endMs }) => [connection, endMs])).toEqual([
      [made[0]?.sessions[1], null],
    ]);
    expect(participants.map(({ identity }) => identity)).toEqual(['users/1']);
    expect(await callsTo(SESSIONS)).toBe(1);
  });

  it('names records that have ended without asking who is in them', async () => {
    const { control, space, callsTo } = google();
    await control.addConference({
      space: space.spaceName,
      end: minute(5),
      participants: [student(1, S, minute(5))],
    });
    await control.addConference({
      space: space.spaceName,
      start: minute(6),
      participants: [student(2, minute(6))],
    });
    const { rooms } = await present();
    expect(rooms.map(({ endMs }) => endMs)).toEqual([minute(5), null]);
    expect(await callsTo(PARTICIPANTS)).toBe(1);
  });

  it('costs one call, one for the record and one for each person there, where a full answer asks about all', async () => {
    const { control, space, callsTo, adapter } = google();
    const gone = Array.from({ length: 20 }, (_, n) => student(n, S, minute(5)));
    await control.addConference({
      space: space.spaceName,
      participants: [...gone, student(100), student(101)],
    });
    await present();
    expect([await callsTo(RECORDS), await callsTo(PARTICIPANTS), await callsTo(SESSIONS)]).toEqual([1, 1, 2]);
    await control.resetCalls();
    await adapter.listAll({ subject: TEACHER, spaceName: space.spaceName, window: WINDOW });
    expect([await callsTo(RECORDS), await callsTo(PARTICIPANTS), await callsTo(SESSIONS)]).toEqual([
      1, 1, 22,
    ]);
  });

  it('reads every page', async () => {
    const { control, space } = google();
    await control.addConference({ space: space.spaceName, participants: [1, 2, 3].map((n) => student(n)) });
    await control.setPaging({ max_rows: 1, empty_pages_first: 1 });
    expect((await present()).connections).toHaveLength(3);
  });

  it('holds no session that has ended, whether or not Google filters them out', async () => {
    const { control, space, adapterWith } = google();
    const filters: (string | null)[] = [];
    const unfiltered: typeof fetch = (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      if (url.pathname.endsWith('/participantSessions')) {
        filters.push(url.searchParams.get('filter'));
        url.searchParams.delete('filter');
      }
      return fetch(url, init);
    };
    const sessions = [{ start: S, end: minute(5) }, { start: minute(6) }];
    await control.addConference({ space: space.spaceName, participants: [{ ...student(1), sessions }] });
    const adapter = adapterWith({ fetch: unfiltered });
    const answer = await adapter.listPresent({
      subject: TEACHER,
      spaceName: space.spaceName,
      window: WINDOW,
    });
    expect(answer.connections.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([[minute(6), null]]);
    expect(filters).toEqual(['end_time IS NULL']);
  });

  it('says when it looked by the clock before the first call', async () => {
    const { adapterWith, space } = google();
    const instants = [HALF_PAST, HALF_PAST + 1, HALF_PAST + 2];
    const adapter = adapterWith({ now: () => instants.shift() ?? E });
    const query = { subject: TEACHER, spaceName: space.spaceName, window: WINDOW };
    expect((await adapter.listPresent(query)).atMs).toBe(HALF_PAST);
  });
});

describe('with the memory of the previous answer', () => {
  const again = (answer: PresentAnswer, nowMs: number) =>
    present(nowMs, { memory: answer.memory, recheckAfterMs: 270_000 });

  it('asks only about those who came since', async () => {
    const { control, space, callsTo } = google();
    await control.addConference({
      space: space.spaceName,
      participants: [student(1), student(2), student(3, HALF_PAST + 60_000)],
    });
    const first = await present();
    await control.setClock({ now: HALF_PAST + 180_000 });
    await control.resetCalls();
    const second = await again(first, HALF_PAST + 180_000);
    expect(await callsTo(SESSIONS)).toBe(1);
    expect(second.connections.map(({ identity }) => identity)).toEqual(['users/3']);
    expect(second.participants).toHaveLength(3);
  });

  it('never calls a session open that it did not ask about, because its owner may have left and come back', async () => {
    const { control, space } = google();
    const back = HALF_PAST + 120_000;
    const { participants } = await control.addConference({
      space: space.spaceName,
      participants: [{ ...student(1), sessions: [{ start: S, end: HALF_PAST + 1000 }, { start: back }] }],
    });
    const first = await present();
    await control.setClock({ now: HALF_PAST + 180_000 });
    const second = await again(first, HALF_PAST + 180_000);
    expect(second.connections).toEqual([]);
    await control.setClock({ now: HALF_PAST + 360_000 });
    const third = await again(second, HALF_PAST + 360_000);
    expect(third.connections.map(({ connection }) => connection)).toEqual([participants[0]?.sessions[1]]);
  });

  it('asks again when the time to recheck has come', async () => {
    const { control, space } = google();
    await control.addConference({ space: space.spaceName, participants: [student(1)] });
    const first = await present();
    expect((await again(first, HALF_PAST + 269_999)).connections).toHaveLength(0);
    expect((await again(first, HALF_PAST + 270_000)).connections).toHaveLength(1);
  });

  it('remembers from answer to answer since when it has not asked', async () => {
    const { control, space } = google();
    await control.addConference({ space: space.spaceName, participants: [student(1)] });
    const first = await present();
    const second = await again(first, HALF_PAST + 100_000);
    const third = await again(second, HALF_PAST + 200_000);
    expect(third.connections).toEqual([]);
    expect(third.memory).toEqual(first.memory);
    expect((await again(third, HALF_PAST + 270_000)).connections).toHaveLength(1);
  });

  it('forgets who was not there, and asks when they return', async () => {
    const { control, space } = google();
    const sessions = [
      { start: S, end: HALF_PAST + 10_000 },
      { start: HALF_PAST + 30_000, end: null },
    ];
    await control.addConference({ space: space.spaceName, participants: [{ ...student(1), sessions }] });
    const first = await present();
    await control.setClock({ now: HALF_PAST + 20_000 });
    const second = await again(first, HALF_PAST + 20_000);
    expect([second.connections, second.memory]).toEqual([[], {}]);
    await control.setClock({ now: HALF_PAST + 40_000 });
    expect((await again(second, HALF_PAST + 40_000)).connections).toHaveLength(1);
  });
});

describe('who has gone', () => {
  it('tells when somebody left who was there at the previous answer, for one more call', async () => {
    const { control, space, callsTo } = google();
    const { record, participants: made } = await control.addConference({
      space: space.spaceName,
      participants: [student(1), student(2)],
    });
    const first = await present(HALF_PAST);
    const gone = made[0]?.sessions[0] ?? '';
    await control.changeConference(record, { session_ends: { [gone]: minute(31) } });
    await control.setClock({ now: minute(33) });
    await control.resetCalls();
    const { left, connections } = await present(minute(33), {
      memory: first.memory,
      recheckAfterMs: minute(60),
    });
    expect(left).toMatchObject([{ connection: gone, identity: 'users/1', startMs: S, endMs: minute(31) }]);
    expect(connections).toEqual([]);
    expect(await callsTo(SESSIONS)).toBe(1);
  });
});
