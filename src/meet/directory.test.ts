import { describe, expect, it } from 'vitest';
import { TEACHER, useSimulatedGoogle } from './simulated-google.ts';

const google = useSimulatedGoogle();
const DIRECTORY = 'GET /admin/directory';
const OF_TEACHER = encodeURIComponent(TEACHER);
const lookUp = (...identities: string[]) => google().adapter.lookUpUsers({ subject: TEACHER, identities });
const person = async (email: string): Promise<string> =>
  `users/${(await google().control.addUser({ email })).id}`;
const refuse = (match: string, status = 403, reason = 'forbidden') =>
  google().control.plantFault({ match, status, reason });
/** Who was asked about, in order. */
const asked = async (): Promise<string[]> =>
  (await google().control.calls()).log
    .filter(({ url }) => url.startsWith('/admin/directory'))
    .map(({ url }) => decodeURIComponent(new URL(url, 'http://localhost').pathname.split('/').at(-1) ?? ''));

describe('who an identity is', () => {
  it('the directory says for somebody of the domain, as a teacher who is no administrator may ask', async () => {
    const { id } = await google().control.addUser({ email: 'Sara@school.example', name: 'Sara Said' });
    expect(await lookUp(`users/${id}`)).toEqual({
      found: [{ identity: `users/${id}`, user: { email: 'sara@school.example', name: 'Sara Said' } }],
      fault: null,
    });
  });

  it.each([404, 403])('nobody knows for a guest from elsewhere, of whom Google says %i', async (status) => {
    const sara = await person('sara@school.example');
    await refuse('users/999', status);
    expect(await lookUp('users/999', sara)).toEqual({
      found: [
        { identity: 'users/999', user: null },
        { identity: sara, user: expect.objectContaining({ email: 'sara@school.example' }) },
      ],
      fault: null,
    });
  });

  it('is asked of the teacher once, however many cannot be read, and not where somebody could be', async () => {
    await lookUp('users/997', 'users/998', 'users/999');
    expect(await asked()).toEqual(['997', TEACHER, '998', '999']);
    const sara = await person('sara@school.example');
    await lookUp(sara, 'users/999');
    expect((await asked()).slice(4)).toEqual([sara.slice('users/'.length), '999']);
  });

  it.each([
    [403, 'forbidden'],
    [404, 'not_found'],
  ])(
    'stays open where the teacher gets %i too: that is a fault, and nobody is unknown',
    async (status, code) => {
      const sara = await person('sara@school.example');
      await refuse(DIRECTORY, status);
      const { found, fault } = await lookUp(sara, 'users/999');
      expect([found, fault?.code]).toEqual([[], code]);
      expect(fault?.message).toContain(`directory entry of ${TEACHER}`);
      expect(fault?.message).toContain('contact sharing');
    },
  );

  it('stays open where the teacher cannot be asked about, and whoever was read before is known', async () => {
    const sara = await person('sara@school.example');
    const omar = await person('omar@school.example');
    await refuse(`users/${OF_TEACHER}`, 503, 'backendError');
    expect(await lookUp('users/999')).toMatchObject({ found: [], fault: { code: 'unavailable' } });
    await refuse(omar, 503, 'backendError');
    expect(await lookUp(sara, omar, 'users/999')).toMatchObject({
      found: [{ identity: sara }],
      fault: { code: 'unavailable' },
    });
  });

  it('nobody is asked about anonymous and phone participants', async () => {
    const identity = 'conferenceRecords/a/participants/b';
    expect(await lookUp(identity)).toEqual({ found: [{ identity, user: null }], fault: null });
    expect((await google().control.calls()).log).toEqual([]);
  });

  it.each([
    ['insufficientPermissions', 403, 'scope_missing'],
    ['accessNotConfigured', 403, 'api_disabled'],
    ['quotaExceeded', 403, 'rate_limited'],
    ['backendError', 503, 'unavailable'],
  ])('%s is a fault, not an unknown person', async (reason, status, code) => {
    await refuse(DIRECTORY, status, reason);
    expect(await lookUp('users/1')).toMatchObject({ found: [], fault: { code } });
  });
});
