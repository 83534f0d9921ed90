import { describe, expect, it } from 'vitest';
import { createGoogleClients } from './google-clients.ts';
import { readServiceAccountKey } from './service-account-key.ts';
import { faultOf, RECORDS, S, TEACHER, TOKENS, useSimulatedGoogle, WINDOW } from './simulated-google.ts';

const google = useSimulatedGoogle();
const OTHER = 'other@school.example';
const queryOf = (subject = TEACHER) => ({ subject, spaceName: google().space.spaceName, window: WINDOW });

describe('tokens', () => {
  it('come from the root where everything else goes', async () => {
    const { adapterWith, simulator } = google();
    const hosts = new Set<string>();
    const watching: typeof fetch = (input, init) => {
      hosts.add(new URL(input instanceof Request ? input.url : input).origin);
      return fetch(input, init);
    };
    await adapterWith({ fetch: watching }).lookUpUsers({ subject: TEACHER, identities: ['users/1'] });
    await adapterWith({ fetch: watching }).listAll(queryOf());
    expect([...hosts]).toEqual([simulator.url]);
  });

  it('are fetched once for each person, however many calls there are', async () => {
    const { adapter, control, callsTo } = google();
    await control.addUser({ email: OTHER });
    await Promise.all([
      adapter.listAll(queryOf()),
      adapter.listAll(queryOf()),
      adapter.listPresent(queryOf()),
    ]);
    expect(await callsTo(TOKENS)).toBe(1);
    await adapter.listAll(queryOf(OTHER));
    await adapter.listAll(queryOf());
    expect(await callsTo(TOKENS)).toBe(2);
  });

  it('act as the person asked for', async () => {
    const { adapter, control } = google();
    await control.addUser({ email: OTHER });
    await adapter.listAll(queryOf(OTHER));
    const { log } = await control.calls();
    expect(log.find(({ route }) => route === RECORDS)?.subject).toBe(OTHER);
  });

  it('of Meet need no scope of the directory', async () => {
    const { adapter, control } = google();
    await control.setDelegation({
      scopes: ['created', 'readonly'].map((name) => `https://www.googleapis.com/auth/meetings.space.${name}`),
    });
    expect((await adapter.listAll(queryOf())).rooms).toEqual([]);
    const { fault } = await adapter.lookUpUsers({ subject: TEACHER, identities: ['users/1'] });
    expect(fault?.code).toBe('scope_missing');
    expect(fault?.message).toContain('admin.directory.user.readonly');
    expect(fault?.message).not.toContain('meetings');
  });
});

describe('a refused token', () => {
  it('is dropped and fetched anew, once', async () => {
    const { adapter, control, callsTo } = google();
    await adapter.listAll(queryOf());
    await control.revokeTokens();
    await control.resetCalls();
    expect((await adapter.listAll(queryOf())).rooms).toEqual([]);
    expect([await callsTo(TOKENS), await callsTo(RECORDS)]).toEqual([1, 2]);
  });

  it('that is refused again ends the call', async () => {
    const { adapter, control, callsTo } = google();
    await control.plantFault({ match: 'GET /v2/conferenceRecords', status: 401 });
    expect((await faultOf(adapter.listAll(queryOf()))).code).toBe('unauthenticated');
    expect([await callsTo(TOKENS), await callsTo(RECORDS)]).toEqual([2, 2]);
  });

  it('is fetched anew once for many calls at a time', async () => {
    const { adapter, control, callsTo, space } = google();
    const sessions = [{ start: S }];
    const people = Array.from(
      { length: 8 },
      (_, n) => ({ kind: 'signed_in', user_id: `${n}`, sessions }) as const,
    );
    await control.addConference({ space: space.spaceName, participants: people });
    await adapter.listAll(queryOf());
    await control.resetCalls();
    await control.plantFault({ match: 'participantSessions', status: 401, times: 8 });
    expect((await adapter.listAll(queryOf())).connections).toHaveLength(8);
    expect(await callsTo(TOKENS)).toBe(1);
  });
});

describe('clients', () => {
  it('are kept for the people who were served last', () => {
    const key = readServiceAccountKey(google().simulator.serviceAccountKey);
    const clients = createGoogleClients(key, { timeoutMs: 1000, kept: 2 });
    const [a, b] = [clients.of('a', ['x']), clients.of('b', ['x'])];
    expect(clients.of('a', ['x'])).toBe(a);
    clients.of('c', ['x']);
    expect(clients.of('a', ['x'])).toBe(a);
    expect(clients.of('b', ['x'])).not.toBe(b);
  });

  it('of one person differ by scope', () => {
    const key = readServiceAccountKey(google().simulator.serviceAccountKey);
    const clients = createGoogleClients(key, { timeoutMs: 1000 });
    expect(clients.of('a', ['x'])).not.toBe(clients.of('a', ['y']));
  });
});
