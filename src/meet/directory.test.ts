import { describe, expect, it } from 'vitest';
import { faultOf, TEACHER, useSimulatedGoogle } from './simulated-google.ts';

const google = useSimulatedGoogle();
const DIRECTORY = 'GET /admin/directory';
const lookUp = (identity: string) => google().adapter.lookUpUser({ subject: TEACHER, identity });

describe('who an identity is', () => {
  it('the directory says for somebody of the domain, as a teacher who is no administrator may ask', async () => {
    const { id } = await google().control.addUser({ email: 'Sara@school.example', name: 'Sara Said' });
    expect(await lookUp(`users/${id}`)).toEqual({ email: 'sara@school.example', name: 'Sara Said' });
  });

  it('nobody knows for a guest from elsewhere', async () => {
    expect(await lookUp('users/999')).toBeNull();
    await google().control.plantFault({ match: DIRECTORY, status: 403, reason: 'forbidden' });
    expect(await lookUp('users/999')).toBeNull();
  });

  it('nobody is asked about anonymous and phone participants', async () => {
    expect(await lookUp('conferenceRecords/a/participants/b')).toBeNull();
    expect((await google().control.calls()).log).toEqual([]);
  });

  it.each([
    ['insufficientPermissions', 403, 'scope_missing'],
    ['accessNotConfigured', 403, 'api_disabled'],
    ['quotaExceeded', 403, 'rate_limited'],
    ['backendError', 503, 'unavailable'],
  ])('%s is a fault, not an unknown person', async (reason, status, code) => {
    await google().control.plantFault({ match: DIRECTORY, status, reason });
    expect((await faultOf(lookUp('users/1'))).code).toBe(code);
  });
});
