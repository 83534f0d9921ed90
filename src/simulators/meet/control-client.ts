import type { z } from 'zod';
import type {
  CallReport,
  ConferenceInfo,
  clockSchema,
  conferenceChangeSchema,
  conferenceSchema,
  delegationSchema,
  faultSchema,
  pagingSchema,
  SpaceInfo,
  spaceSchema,
  userSchema,
} from './control-protocol.ts';
import type { DirectoryUser } from './world.ts';

export type MeetSimulatorControl = ReturnType<typeof createMeetSimulatorControl>;

/**
 * Drives a Meet simulator from this or another process.
 * @param url where it listens, for example `http://127.0.0.1:4010`
 * @returns one function for each control call; each throws an `Error` with the simulator's words when it is refused
 */
export function createMeetSimulatorControl(url: string) {
  async function call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(new URL(`/_simulator/${path}`, url), {
      method,
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} /_simulator/${path}: ${response.status} ${text}`);
    return JSON.parse(text) as Answer;
  }

  return {
    /** A person of the domain whom the directory knows and who may be impersonated. */
    addUser: (user: z.input<typeof userSchema>) => call<DirectoryUser>('POST', 'users', user),
    addSpace: (space: z.input<typeof spaceSchema>) => call<SpaceInfo>('POST', 'spaces', space),
    /** Scripts a conference in a space; times may lie in the future. Names are in the order given. */
    addConference: (script: z.input<typeof conferenceSchema>) =>
      call<ConferenceInfo>('POST', 'conferences', script),
    /** @param record `conferenceRecords/…` */
    changeConference: (record: string, change: z.input<typeof conferenceChangeSchema>) =>
      call<ConferenceInfo>('PATCH', record.replace(/^conferenceRecords/, 'conferences'), change),
    /** `{now}` makes the clock stand still there, `{offset_ms}` lets it run that far from the real one. */
    setClock: (setting: z.input<typeof clockSchema>) => call<{ now_ms: number }>('PUT', 'clock', setting),
    /** The simulator's time, UTC milliseconds. */
    now: async () => (await call<{ now_ms: number }>('GET', 'clock')).now_ms,
    plantFault: (fault: z.input<typeof faultSchema>) => call<object>('POST', 'faults', fault),
    clearFaults: () => call<object>('DELETE', 'faults'),
    setPaging: (paging: z.input<typeof pagingSchema>) => call<object>('PUT', 'paging', paging),
    /** What the domain granted to the service account; `{}` grants everything again. */
    setDelegation: (delegation: z.input<typeof delegationSchema>) =>
      call<object>('PUT', 'delegation', delegation),
    setAutoProvision: (on: boolean) => call<object>('PUT', 'provision', { auto_provision: on }),
    /** Every token issued so far is refused with 401 from now on. */
    revokeTokens: () => call<object>('POST', 'revoke-tokens'),
    calls: () => call<CallReport>('GET', 'calls'),
    resetCalls: () => call<object>('DELETE', 'calls'),
  };
}
