import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { type Assertion, DIRECTORY, TEACHER, useSimulator } from './plain-requests.ts';

const { requestToken, get, control } = useSimulator();

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
    await control().setDelegation({ scopes: ['https://www.googleapis.com/auth/meetings.space.created'] });
    expect(await requestToken()).toMatchObject({ status: 401, body: { error: 'unauthorized_client' } });
    await control().setDelegation({ not_impersonable: [TEACHER] });
    expect(await requestToken()).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await control().setDelegation({});
    expect((await requestToken()).status).toBe(200);
  });

  it('gives tokens for an hour of real time', async () => {
    const { body } = await requestToken();
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      vi.setSystemTime(Date.now() + 3_598_000);
      expect((await get('/v2/conferenceRecords', body.access_token)).status).toBe(200);
      vi.setSystemTime(Date.now() + 2000);
      expect((await get('/v2/conferenceRecords', body.access_token)).status).toBe(401);
    } finally {
      vi.useRealTimers();
    }
  });

  it('takes everybody for a person of the domain when told to, always under the same id', async () => {
    await control().setAutoProvision(true);
    const { body } = await requestToken({ subject: 'amina.said@school.example', scopes: [DIRECTORY] });
    const path = '/admin/directory/v1/users/amina.said@school.example?viewType=domain_public';
    const first = await get(path, body.access_token);
    expect(first.body).toMatchObject({
      primaryEmail: 'amina.said@school.example',
      name: { fullName: 'Amina Said' },
    });
    const again = await control().addUser({ email: 'AMINA.said@school.example' });
    expect(first.body.id).toBe(again.id);
  });
});

function otherKey(): string {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
