import { describe, expect, it } from 'vitest';
import { DIRECTORY, T, TEACHER, useSimulator } from './plain-requests.ts';

const google = useSimulator();
const { requestToken, get, control } = google;
const filtered = (filter: string) => `?filter=${encodeURIComponent(filter)}`;

describe('a call', () => {
  it('needs a token that is good and has the scope', async () => {
    expect(await get('/v2/conferenceRecords', 'made-up')).toMatchObject({
      status: 401,
      body: { error: { code: 401, status: 'UNAUTHENTICATED' } },
    });
    const { body } = await requestToken({ scopes: ['https://www.googleapis.com/auth/drive'] });
    expect(await get('/v2/conferenceRecords', body.access_token)).toMatchObject({
      status: 403,
      body: { error: { details: [{ reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' }] } },
    });
  });

  it('that is unknown answers 404 in Google’s shape', async () => {
    expect(await get('/v2/nothing')).toMatchObject({ status: 404, body: { error: { status: 'NOT_FOUND' } } });
  });

  it('to the directory by somebody who is no administrator needs the public view', async () => {
    const { body } = await requestToken({ scopes: [DIRECTORY] });
    const answer = await get(`/admin/directory/v1/users/${TEACHER}`, body.access_token);
    expect(answer).toMatchObject({ status: 403, body: { error: { errors: [{ reason: 'forbidden' }] } } });
  });
});

describe('conference records', () => {
  const sessions = [{ start: T - 60_000 }];
  const somebody = { kind: 'anonymous', display_name: 'Sara', sessions } as const;

  it('an empty list is {}', async () => {
    expect((await get('/v2/conferenceRecords')).body).toEqual({});
  });

  it('are filtered by space, code and time, latest first', async () => {
    const [a, b] = [
      await control().addSpace({ owner: TEACHER }),
      await control().addSpace({ owner: TEACHER }),
    ];
    const old = await control().addConference({
      space: a.name,
      start: T - 7_200_000,
      end: T - 3_600_000,
    });
    const now = await control().addConference({ space: a.meetingCode, start: T - 60_000 });
    await control().addConference({ space: b.name, start: T - 60_000 });
    const listed = async (filter: string) => {
      const { body } = await get(`/v2/conferenceRecords${filtered(filter)}`);
      return ((body.conferenceRecords ?? []) as { name: string }[]).map(({ name }) => name);
    };
    expect(await listed(`space.name = "${a.name}"`)).toEqual([now.record, old.record]);
    expect(await listed(`space.meeting_code = "${a.meetingCode}" AND end_time IS NULL`)).toEqual([
      now.record,
    ]);
    expect(
      await listed(`space.name = "${a.name}" AND start_time < "${new Date(T - 60_000).toISOString()}"`),
    ).toEqual([old.record]);
    expect((await get(`/v2/conferenceRecords${filtered('spaceName = "x"')}`)).status).toBe(400);
  });

  it('come 25 to a page unless asked otherwise, never more than 100', async () => {
    const { name } = await control().addSpace({ owner: TEACHER });
    for (let n = 0; n < 101; n += 1) await control().addConference({ space: name, start: T - n, end: T });
    const rows = async (query: string) => {
      const { body } = await get(`/v2/conferenceRecords${query}`);
      return [(body.conferenceRecords as unknown[]).length, typeof body.nextPageToken];
    };
    expect(await rows('')).toEqual([25, 'string']);
    expect(await rows('?pageSize=500')).toEqual([100, 'string']);
    const { body } = await get('/v2/conferenceRecords?pageSize=100');
    expect(await rows(`?pageSize=100&pageToken=${String(body.nextPageToken)}`)).toEqual([1, 'undefined']);
    expect(
      (await get(`/v2/conferenceRecords?filter=end_time IS NULL&pageToken=${String(body.nextPageToken)}`))
        .status,
    ).toBe(400);
  });

  it('of others cannot be read, of guests can', async () => {
    const { name } = await control().addSpace({ owner: TEACHER });
    const guest = { kind: 'signed_in', email: 'guest@school.example', sessions } as const;
    const { record } = await control().addConference({ space: name, participants: [guest] });
    await control().addUser({ email: 'stranger@school.example' });
    const tokenOf = async (subject: string) => (await requestToken({ subject })).body.access_token;
    expect((await get(`/v2/${record}`, await tokenOf('guest@school.example'))).status).toBe(200);
    expect((await get(`/v2/${record}/participants`, await tokenOf('stranger@school.example'))).status).toBe(
      403,
    );
    expect((await get('/v2/conferenceRecords/unknown/participants')).status).toBe(404);
  });

  it('reveal what has happened by the clock, open things without an end', async () => {
    const { control } = google.simulator();
    const { name } = await control.addSpace({ owner: TEACHER });
    const stay = { start: T + 1000, end: T + 2000 };
    const { record, participants } = await control.addConference({
      space: name,
      end: T + 3000,
      participants: [{ ...somebody, sessions: [stay] }],
    });
    const read = async (now: number) => {
      await control.setClock({ now });
      const [conference, sessionList] = [
        await get(`/v2/${record}`),
        await get(`/v2/${participants[0]?.participant}/participantSessions`),
      ];
      const session = (sessionList.body.participantSessions as { endTime?: string }[] | undefined)?.[0];
      return [conference.status, 'endTime' in conference.body, session && 'endTime' in session];
    };
    expect(await read(T)).toEqual([404, false, undefined]);
    expect(await read(T + 1000)).toEqual([200, false, false]);
    expect(await read(T + 2000)).toEqual([200, false, true]);
    expect(await read(T + 3000)).toEqual([200, true, true]);
  });

  it('can be changed while they go on', async () => {
    const { control } = google.simulator();
    const { name } = await control.addSpace({ owner: TEACHER });
    const { record } = await control.addConference({ space: name, participants: [somebody] });
    const changed = await control.changeConference(record, {
      end: T - 1000,
      end_open_sessions: true,
      add_participants: [{ ...somebody, sessions: [{ start: T - 50_000, end: T - 40_000 }] }],
    });
    expect(changed.participants).toHaveLength(2);
    const { body } = await get(`/v2/${record}/participants${filtered('latest_end_time IS NULL')}`);
    expect(body).toEqual({});
    const session = changed.participants[1]?.sessions[0] ?? '';
    await control.changeConference(record, { session_ends: { [session]: null } });
    const reopened = await get(`/v2/${record}/participants${filtered('latest_end_time IS NULL')}`);
    expect(reopened.body.participants).toHaveLength(1);
  });
});
