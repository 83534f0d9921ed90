import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startMeetSimulator } from '../simulators/meet-server.ts';
import {
  faultOf,
  HALF_PAST,
  RECORDS,
  S,
  TEACHER,
  TOKENS,
  useSimulatedGoogle,
  WINDOW,
} from './simulated-google.ts';

const google = useSimulatedGoogle();
const fetchAll = (options: { timeoutMs?: number } = {}) => {
  const { adapterWith, space } = google();
  return adapterWith(options).listAll({ subject: TEACHER, spaceName: space.spaceName, window: WINDOW });
};
const MEET = 'GET /v2/conferenceRecords';

describe('what Meet answers', () => {
  it.each([
    [{ status: 400 }, 'bad_request', 'never', 'does not understand'],
    [{ status: 401 }, 'unauthenticated', 'retry', 'a fresh token was refused too'],
    [{ status: 403 }, 'forbidden', 'never', 'teacher@school.example may not'],
    [
      { status: 403, reason: 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' },
      'scope_missing',
      'never',
      'meetings.space.readonly missing',
    ],
    [
      { status: 403, reason: 'SERVICE_DISABLED' },
      'api_disabled',
      'never',
      'enable it at https://console.developers',
    ],
    [{ status: 403, reason: 'RATE_LIMIT_EXCEEDED' }, 'rate_limited', 'retry', 'quota exceeded'],
    [{ status: 404 }, 'not_found', 'never', 'not visible to teacher@school.example'],
    [{ status: 429 }, 'rate_limited', 'retry', 'quota exceeded'],
    [{ status: 500 }, 'unavailable', 'retry', '500'],
    [{ status: 503 }, 'unavailable', 'retry', '503'],
    [{ drop: true }, 'unavailable', 'retry', 'cannot reach Google'],
  ])('%j is %s, %s', async (answer, code, kind, words) => {
    const { control, space } = google();
    await control.plantFault({ match: MEET, ...answer });
    const fault = await faultOf(fetchAll());
    expect([fault.code, fault.kind, fault.retryAfterMs]).toEqual([code, kind, undefined]);
    expect(fault.message).toContain(words);
    if (code !== 'scope_missing')
      expect(fault.message).toContain(`list conference records of ${space.spaceName}`);
    expect(fault.cause).toBeInstanceOf(Error);
  });

  it.each([
    ['seconds', 429, 7, 7000],
    ['an HTTP date', 503, new Date(HALF_PAST + 90_000).toUTCString(), 90_000],
    ['a date that has passed', 503, new Date(HALF_PAST - 90_000).toUTCString(), 0],
  ])('Retry-After in %s is honoured', async (_title, status, retry_after, waitMs) => {
    await google().control.plantFault({ match: MEET, status, retry_after });
    const fault = await faultOf(fetchAll());
    expect([fault.kind, fault.retryAfterMs]).toEqual(['retry_after', waitMs]);
  });

  it('a Retry-After that cannot be read is as none', async () => {
    await google().control.plantFault({ match: MEET, status: 503, retry_after: 'soon' });
    expect((await faultOf(fetchAll())).kind).toBe('retry');
  });

  it('what nobody can mend by waiting stays so, whatever Retry-After says', async () => {
    await google().control.plantFault({ match: MEET, status: 404, retry_after: 5 });
    const fault = await faultOf(fetchAll());
    expect([fault.kind, fault.retryAfterMs]).toEqual(['never', undefined]);
  });

  it('no answer within the timeout is a timeout', async () => {
    await google().control.plantFault({ match: MEET, hang: true });
    const fault = await faultOf(fetchAll({ timeoutMs: 100 }));
    expect([fault.code, fault.kind]).toEqual(['timeout', 'retry']);
    expect(fault.message).toContain('100 ms');
  });

  it('where nobody listens, the message says so', async () => {
    const gone = await startMeetSimulator();
    await gone.stop();
    const fault = await faultOf(
      google().adapterWith({ rootUrl: gone.url }).createSpace({ subject: TEACHER }),
    );
    expect([fault.code, fault.kind]).toEqual(['unavailable', 'retry']);
    expect(fault.message).toContain('ECONNREFUSED');
  });

  it('a failed call is not repeated', async () => {
    const { control, callsTo } = google();
    for (const answer of [{ status: 500 }, { status: 429 }, { drop: true }]) {
      await control.clearFaults();
      await control.plantFault({ match: MEET, ...answer });
      await control.resetCalls();
      await faultOf(fetchAll());
      expect(await callsTo(RECORDS)).toBe(1);
    }
  });

  it('another person than organizer and guests is refused the record', async () => {
    const { control, space, adapter } = google();
    const { record } = await control.addConference({ space: space.spaceName, start: S });
    await control.addUser({ email: 'stranger@school.example' });
    const query = { spaceName: space.spaceName, window: WINDOW };
    expect((await adapter.listAll({ ...query, subject: 'stranger@school.example' })).rooms).toEqual([]);
    expect((await adapter.listAll({ ...query, subject: TEACHER })).rooms[0]?.room).toBe(record);
  });
});

describe('what the token endpoint answers', () => {
  it.each([
    [{ reason: 'unauthorized_client', status: 401 }, 'scope_missing', 'never', 'Domain-wide delegation'],
    [
      { reason: 'invalid_grant', status: 400, message: 'Invalid email or User ID' },
      'cannot_impersonate',
      'never',
      TEACHER,
    ],
    [
      { reason: 'invalid_grant', status: 400, message: 'Invalid JWT Signature.' },
      'bad_key',
      'never',
      'make a new key',
    ],
    [
      { reason: 'invalid_grant', status: 400, message: 'Invalid grant: account not found' },
      'bad_key',
      'never',
      'new key',
    ],
    [
      { reason: 'invalid_grant', status: 400, message: 'Invalid JWT: Token must be a short-lived token' },
      'clock_wrong',
      'retry',
      'set the clock',
    ],
    [{ reason: 'disabled_client', status: 401 }, 'bad_key', 'never', 'enable it'],
    [{ status: 500 }, 'unavailable', 'retry', 'token endpoint'],
    [{ reason: 'rate_limit_exceeded', status: 429 }, 'rate_limited', 'retry', 'too many token requests'],
  ])('%j is %s, %s', async (answer, code, kind, words) => {
    const { control, callsTo } = google();
    await control.plantFault({ match: 'POST /token', ...answer });
    const fault = await faultOf(fetchAll());
    expect([fault.code, fault.kind]).toEqual([code, kind]);
    expect(fault.message).toContain(words);
    expect(await callsTo(TOKENS)).toBe(1);
  });

  it('a missing scope is named with the client that lacks it', async () => {
    const { control, simulator } = google();
    await control.setDelegation({ scopes: [] });
    const fault = await faultOf(fetchAll());
    const { client_id, client_email } = JSON.parse(simulator.serviceAccountKey) as Record<string, string>;
    expect(fault.code).toBe('scope_missing');
    for (const name of ['https://www.googleapis.com/auth/meetings.space.created', client_id, client_email]) {
      expect(fault.message).toContain(name);
    }
  });

  it('a token request that hangs is a timeout', async () => {
    await google().control.plantFault({ match: 'POST /token', hang: true });
    expect((await faultOf(fetchAll({ timeoutMs: 100 }))).code).toBe('timeout');
  });
});

it('no fault shows a token, an assertion or the key', async () => {
  const { control, simulator } = google();
  const { private_key } = JSON.parse(simulator.serviceAccountKey) as { private_key: string };
  for (const match of [MEET, 'POST /token']) {
    await control.clearFaults();
    await control.plantFault({ match, status: 500 });
    const shown = inspect(await faultOf(fetchAll()), { depth: 20, maxStringLength: null });
    for (const secret of ['ya29', 'eyJ', private_key.slice(40, 80)]) expect(shown).not.toContain(secret);
  }
});
