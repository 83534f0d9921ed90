import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { importPKCS8, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMeetSimulatorControl, type MeetSimulator, startMeetSimulator } from './meet-server.ts';

const T = Date.parse('2026-03-02T09:00:00.000Z');
const MEET = ['created', 'readonly'].map((name) => `https://www.googleapis.com/auth/meetings.space.${name}`);
const TEACHER = 'teacher@school.example';

let simulator: MeetSimulator;
beforeEach(async () => {
  simulator = await startMeetSimulator();
  await simulator.control.setClock({ now: T });
  await simulator.control.addUser({ email: TEACHER });
});
afterEach(() => simulator.stop());

interface Assertion {
  subject?: string;
  scopes?: string[];
  privateKey?: string;
  issuer?: string;
  audience?: string;
}
async function requestToken({ subject = TEACHER, scopes = MEET, ...given }: Assertion = {}) {
  const key = JSON.parse(simulator.serviceAccountKey) as { private_key: string; client_email: string };
  const assertion = await new SignJWT({ scope: scopes.join(' ') })
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(given.issuer ?? key.client_email)
    .setAudience(given.audience ?? 'https://oauth2.googleapis.com/token')
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(await importPKCS8(given.privateKey ?? key.private_key, 'RS256'));
  const body = new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion });
  const response = await fetch(`${simulator.url}/token`, { method: 'POST', body });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
async function get(path: string, token?: unknown) {
  const bearer = token ?? (await requestToken()).body.access_token;
  const response = await fetch(simulator.url + path, {
    headers: { authorization: `Bearer ${String(bearer)}` },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const filtered = (filter: string) => `?filter=${encodeURIComponent(filter)}`;

describe('the token endpoint', () => {
  it('gives a token for a signed assertion', async () => {
    expect(await requestToken()).toMatchObject({
      status: 200,
      body: { token_type: 'Bearer', expires_in: 3599 },
    });
  });

  it.each<[string, Assertion, number, string]>([
    ['an unknown subject', { subject: 'nobody@school.example' }, 400, 'Invalid email or User ID'],
    ['another key', { privateKey: otherKey() }, 400, 'Invalid JWT Signature.'],
    ['another account', { issuer: 'x@y.example' }, 400, 'account not found'],
    ['another audience', { audience: 'https://elsewhere.example' }, 400, 'Invalid JWT'],
  ])('refuses %s with invalid_grant', async (_title, assertion, status, words) => {
    const answer = await requestToken(assertion);
    expect(answer).toMatchObject({ status, body: { error: 'invalid_grant' } });
    expect(answer.body.error_description).toContain(words);
  });

  it('refuses a scope that the domain did not grant, and a person it may not impersonate', async () => {
    await simulator.control.setDelegation({ scopes: MEET.slice(0, 1) });
    expect(await requestToken()).toMatchObject({ status: 401, body: { error: 'unauthorized_client' } });
    await simulator.control.setDelegation({ not_impersonable: [TEACHER] });
    expect(await requestToken()).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await simulator.control.setDelegation({});
    expect((await requestToken()).status).toBe(200);
  });

  it('takes everybody for a person of the domain when told to, always under the same id', async () => {
    await simulator.control.setAutoProvision(true);
    const scopes = ['https://www.googleapis.com/auth/admin.directory.user.readonly'];
    const { body } = await requestToken({ subject: 'amina.said@school.example', scopes });
    const path = '/admin/directory/v1/users/amina.said@school.example?viewType=domain_public';
    const first = await get(path, body.access_token);
    expect(first.body).toMatchObject({
      primaryEmail: 'amina.said@school.example',
      name: { fullName: 'Amina Said' },
    });
    const again = await simulator.control.addUser({ email: 'AMINA.said@school.example' });
    expect(first.body.id).toBe(again.id);
  });
});

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
    const scopes = ['https://www.googleapis.com/auth/admin.directory.user.readonly'];
    const { body } = await requestToken({ scopes });
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
      await simulator.control.addSpace({ owner: TEACHER }),
      await simulator.control.addSpace({ owner: TEACHER }),
    ];
    const old = await simulator.control.addConference({
      space: a.name,
      start: T - 7_200_000,
      end: T - 3_600_000,
    });
    const now = await simulator.control.addConference({ space: a.meetingCode, start: T - 60_000 });
    await simulator.control.addConference({ space: b.name, start: T - 60_000 });
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
    const { name } = await simulator.control.addSpace({ owner: TEACHER });
    for (let n = 0; n < 101; n += 1)
      await simulator.control.addConference({ space: name, start: T - n, end: T });
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
    const { name } = await simulator.control.addSpace({ owner: TEACHER });
    const guest = { kind: 'signed_in', email: 'guest@school.example', sessions } as const;
    const { record } = await simulator.control.addConference({ space: name, participants: [guest] });
    await simulator.control.addUser({ email: 'stranger@school.example' });
    const tokenOf = async (subject: string) => (await requestToken({ subject })).body.access_token;
    expect((await get(`/v2/${record}`, await tokenOf('guest@school.example'))).status).toBe(200);
    expect((await get(`/v2/${record}/participants`, await tokenOf('stranger@school.example'))).status).toBe(
      403,
    );
    expect((await get('/v2/conferenceRecords/unknown/participants')).status).toBe(404);
  });

  it('reveal what has happened by the clock, open things without an end', async () => {
    const { control } = simulator;
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
    const { control } = simulator;
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

describe('the control interface', () => {
  it('plants a fault for some calls or for a while, and says how often it was called', async () => {
    const { control } = simulator;
    const token = (await requestToken()).body.access_token;
    await control.resetCalls();
    await control.plantFault({ match: '^GET /v2/conferenceRecords', status: 503, retry_after: 3, times: 1 });
    await control.plantFault({ status: 500, for_seconds: 0 });
    const refused = await fetch(`${simulator.url}/v2/conferenceRecords`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '3']);
    expect((await get('/v2/conferenceRecords', token)).status).toBe(200);
    const { counts, log } = await control.calls();
    expect(counts).toEqual({ 'GET /v2/conferenceRecords': 2 });
    expect(log.map(({ status, subject }) => [status, subject])).toEqual([
      [503, null],
      [200, TEACHER],
    ]);
  });

  it('revokes tokens', async () => {
    const token = (await requestToken()).body.access_token;
    await simulator.control.revokeTokens();
    expect((await get('/v2/conferenceRecords', token)).status).toBe(401);
  });

  it('says what it would have accepted', async () => {
    const { control } = simulator;
    await expect(control.plantFault({ match: 'x' })).rejects.toThrow(
      'exactly one of status, hang, drop, hide_rows',
    );
    await expect(control.addConference({ space: 'spaces/none', start: T })).rejects.toThrow(
      'no space spaces/none',
    );
    const { name } = await control.addSpace({ owner: TEACHER });
    await expect(control.addConference({ space: name })).rejects.toThrow('start or sessions');
  });

  it('moves the clock against the real one', async () => {
    await simulator.control.setClock({ offset_ms: 86_400_000 });
    const before = Date.now() + 86_400_000;
    const now = await simulator.control.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now() + 86_400_000);
  });
});

describe('as its own process', () => {
  it('says when it is ready, keeps its key in the file and ends when told to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-simulator-'));
    const keyFile = join(folder, 'key.json');
    const program = fileURLToPath(new URL('meet-server.ts', import.meta.url));
    const run = async () => {
      const child = spawn(process.execPath, [
        program,
        '--port',
        '0',
        '--key-file',
        keyFile,
        '--auto-provision',
      ]);
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      const url = /^meet simulator ready (http:\S+)$/.exec(line)?.[1] ?? '';
      const user = await createMeetSimulatorControl(url).addUser({ email: TEACHER });
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number];
      return { user, code, key: await readFile(keyFile, 'utf8') };
    };
    const first = await run();
    expect(first.code).toBe(0);
    expect(first.user.email).toBe(TEACHER);
    expect((await run()).key).toBe(first.key);
    await rm(folder, { recursive: true });
  }, 20_000);
});

function otherKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
