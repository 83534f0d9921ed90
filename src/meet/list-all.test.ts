import { describe, expect, it } from 'vitest';
import {
  E,
  HALF_PAST,
  minute,
  PARTICIPANTS,
  RECORDS,
  S,
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

describe('a full answer', () => {
  it('names record, session, identity and times, an open session without an end', async () => {
    const { control, space } = google();
    const [left, open] = [minute(10), minute(12)];
    const script = { space: space.meetingCode, start: S };
    const { record, participants } = await control.addConference({
      ...script,
      participants: [
        {
          kind: 'signed_in',
          user_id: '42',
          display_name: 'Sara',
          sessions: [{ start: S, end: left }, { start: open }],
        },
      ],
    });
    const [first, second] = participants[0]?.sessions ?? [];
    expect(await fetchAll()).toEqual({
      atMs: HALF_PAST,
      scope: 'all',
      rooms: [{ room: record, startMs: S, endMs: null }],
      connections: [
        { connection: first, room: record, identity: 'users/42', startMs: S, endMs: left },
        { connection: second, room: record, identity: 'users/42', startMs: open, endMs: null },
      ],
      participants: [{ identity: 'users/42', kind: 'signed_in', displayName: 'Sara' }],
    });
  });

  it('keeps overlapping device sessions of one person apart', async () => {
    const { control, space } = google();
    const sessions = [
      { start: S, end: minute(20) },
      { start: minute(5), end: minute(15) },
    ];
    await control.addConference({ space: space.spaceName, participants: [{ ...student(1), sessions }] });
    const { connections, participants } = await fetchAll();
    expect(connections.map(({ startMs, endMs }) => [startMs, endMs])).toEqual([
      [S, minute(20)],
      [minute(5), minute(15)],
    ]);
    expect(participants).toHaveLength(1);
  });

  it('knows an anonymous and a phone participant by their resource names, never by the name shown', async () => {
    const { control, space } = google();
    const { participants: made } = await control.addConference({
      space: space.spaceName,
      participants: [
        { kind: 'anonymous', display_name: 'Sara', sessions: [{ start: S }] },
        { kind: 'phone', display_name: '+251 •••• 12', sessions: [{ start: minute(1) }] },
      ],
    });
    const { participants, connections } = await fetchAll();
    const [anonymous, phone] = made.map(({ participant }) => participant);
    expect(participants.toSorted((a, b) => a.kind.localeCompare(b.kind))).toEqual([
      { identity: anonymous, kind: 'anonymous', displayName: 'Sara' },
      { identity: phone, kind: 'phone', displayName: '+251 •••• 12' },
    ]);
    expect(connections.map(({ identity }) => identity).toSorted()).toEqual([anonymous, phone].toSorted());
  });

  it('takes every conference record of the space, and one person only once', async () => {
    const { control, space } = google();
    const first = await control.addConference({
      space: space.spaceName,
      end: minute(8),
      participants: [student(1, S, minute(8))],
    });
    const second = await control.addConference({
      space: space.spaceName,
      participants: [student(1, minute(9))],
    });
    const answer = await fetchAll();
    expect(answer.rooms).toEqual([
      { room: first.record, startMs: S, endMs: minute(8) },
      { room: second.record, startMs: minute(9), endMs: null },
    ]);
    expect(answer.connections.map(({ room }) => room)).toEqual([first.record, second.record]);
    expect(answer.participants).toHaveLength(1);
  });

  it('leaves other spaces alone', async () => {
    const { control } = google();
    const other = await control.addSpace({ owner: TEACHER });
    await control.addConference({ space: other.name, participants: [student(1)] });
    expect((await fetchAll()).rooms).toEqual([]);
  });

  it.each([
    ['ends as the window begins', S - 60_000, S, 0],
    ['ends a moment after the window begins', S - 60_000, S + 1, 1],
    ['begins a moment before the window ends', E - 1, E + 60_000, 1],
    ['begins as the window ends', E, E + 60_000, 0],
    ['goes on since before the window', S - 60_000, null, 1],
  ])('a record that %s', async (_title, start, end, found) => {
    const { control, space } = google();
    await control.setClock({ now: E + 3_600_000 });
    await control.addConference({ space: space.spaceName, start, end });
    expect((await fetchAll()).rooms).toHaveLength(found);
  });

  it('an unused space is an empty answer, one call', async () => {
    const { callsTo } = google();
    expect(await fetchAll()).toEqual({
      atMs: HALF_PAST,
      scope: 'all',
      rooms: [],
      connections: [],
      participants: [],
    });
    expect(await callsTo(RECORDS)).toBe(1);
    expect(await callsTo(PARTICIPANTS)).toBe(0);
  });
});
