import { describe, expect, it } from 'vitest';
import {
  E,
  faultOf,
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
  ({ kind: 'signed_in', email: `student${n}@school.example`, sessions: [{ start, end }] }) as const;
const fetchAll = () => {
  const { adapter, space } = google();
  return adapter.listAll({ subject: TEACHER, spaceName: space.spaceName, window: WINDOW });
};

describe('pages', () => {
  const many = (count: number) => Array.from({ length: count }, (_, n) => student(n));

  it('251 participants take two pages and a call each', async () => {
    const { control, space, callsTo } = google();
    await control.addConference({ space: space.spaceName, participants: many(251) });
    const { participants, connections } = await fetchAll();
    expect(new Set(participants.map(({ identity }) => identity)).size).toBe(251);
    expect(new Set(connections.map(({ connection }) => connection)).size).toBe(251);
    expect(await callsTo(RECORDS)).toBe(1);
    expect(await callsTo(PARTICIPANTS)).toBe(2);
    expect(await callsTo(SESSIONS)).toBe(251);
  });

  it('101 conference records take two pages', async () => {
    const { control, space, callsTo } = google();
    for (let n = 0; n < 101; n += 1) {
      await control.addConference({ space: space.spaceName, start: S + n * 1000, end: S + n * 1000 + 500 });
    }
    expect((await fetchAll()).rooms).toHaveLength(101);
    expect(await callsTo(RECORDS)).toBe(2);
  });

  it('an empty page with a next token is no end, and neither is one with fewer rows than asked for', async () => {
    const { control, space, callsTo } = google();
    const sessions = [0, 1, 2, 3].map((n) => ({ start: minute(n), end: minute(n) + 30_000 }));
    await control.addConference({
      space: space.spaceName,
      participants: [{ ...student(1), sessions }, student(2), student(3)],
    });
    await control.setPaging({ max_rows: 2, empty_pages_first: 2 });
    const { connections } = await fetchAll();
    expect(connections).toHaveLength(6);
    expect(await callsTo(RECORDS)).toBe(3);
    expect(await callsTo(PARTICIPANTS)).toBe(4);
  });
});

describe('what Google knows late or never', () => {
  it('a conference that is known late is not there yet', async () => {
    const { control, space } = google();
    await control.addConference({
      space: space.spaceName,
      late_by_seconds: 1801,
      participants: [student(1)],
    });
    expect((await fetchAll()).rooms).toEqual([]);
    await control.setClock({ now: HALF_PAST + 1000 });
    expect((await fetchAll()).connections).toHaveLength(1);
  });

  it('an end that is known late leaves the session open', async () => {
    const { control, space } = google();
    await control.addConference({
      space: space.spaceName,
      ends_late_by_seconds: 60,
      end: minute(30),
      participants: [student(1, S, minute(30))],
    });
    const before = await fetchAll();
    expect([before.rooms[0]?.endMs, before.connections[0]?.endMs]).toEqual([null, null]);
    await control.setClock({ now: minute(31) });
    const after = await fetchAll();
    expect([after.rooms[0]?.endMs, after.connections[0]?.endMs]).toEqual([minute(30), minute(30)]);
  });

  it('fewer rows than before are answered as they come', async () => {
    const { control, space } = google();
    await control.addConference({ space: space.spaceName, participants: [student(1), student(2)] });
    await control.plantFault({ match: 'participants\\?', hide_rows: 1, times: 1 });
    expect((await fetchAll()).connections).toHaveLength(1);
    expect((await fetchAll()).connections).toHaveLength(2);
  });

  it('thirty days after its end a record is forgotten', async () => {
    const { control, space } = google();
    await control.addConference({ space: space.spaceName, start: S, end: E });
    await control.setClock({ now: E + 30 * 86_400_000 - 1 });
    expect((await fetchAll()).rooms).toHaveLength(1);
    await control.setClock({ now: E + 30 * 86_400_000 });
    expect((await fetchAll()).rooms).toEqual([]);
  });
});

describe('an answer is whole or it is none', () => {
  it.each([
    ['the second page of records', 'conferenceRecords\\?.*pageToken'],
    ['the participants of the second record', 'participants\\?'],
    ['the sessions of one participant', 'participantSessions'],
  ])('a failure of %s fails the fetch', async (_title, match) => {
    const { control, space } = google();
    await control.setPaging({ max_rows: 1 });
    for (const n of [1, 2]) {
      await control.addConference({
        space: space.spaceName,
        start: minute(n),
        participants: [student(n, minute(n))],
      });
    }
    await control.plantFault({ match, status: 503, times: 1 });
    expect((await faultOf(fetchAll())).code).toBe('unavailable');
  });

  it('a resource without the field that Google promises is a bad answer, not an empty one', async () => {
    const { adapterWith, space } = google();
    const nameless: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const path = new URL(input instanceof Request ? input.url : input).pathname;
      return path === '/v2/conferenceRecords'
        ? Response.json({ conferenceRecords: [{ space: 'x' }] })
        : response;
    };
    const adapter = adapterWith({ fetch: nameless });
    const query = { subject: TEACHER, spaceName: space.spaceName, window: WINDOW };
    const fault = await faultOf(adapter.listAll(query));
    expect([fault.code, fault.kind]).toEqual(['bad_answer', 'retry']);
    expect(fault.message).toContain('"name"');
  });

  it('a page that names itself as its next one ends the fetch', async () => {
    const { adapterWith, space } = google();
    // It relents after a while, so that a reader without the rule fails here instead of reading for ever.
    let left = 3;
    const circular: typeof fetch = async (input, init) => {
      const path = new URL(input instanceof Request ? input.url : input).pathname;
      if (path !== '/v2/conferenceRecords') return fetch(input, init);
      left -= 1;
      return Response.json(left < 0 ? {} : { nextPageToken: 'again' });
    };
    const query = { subject: TEACHER, spaceName: space.spaceName, window: WINDOW };
    expect((await faultOf(adapterWith({ fetch: circular }).listAll(query))).code).toBe('bad_answer');
  });
});
