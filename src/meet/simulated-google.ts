import { afterEach, beforeAll, beforeEach } from 'vitest';
import { type AccountKey, generateAccountKey } from '../simulators/meet/account-key.ts';
import {
  type MeetSimulator,
  type MeetSimulatorControl,
  startMeetSimulator,
} from '../simulators/meet-server.ts';
import { createMeetAdapter, type MeetAdapter, type MeetAdapterOptions } from './adapter.ts';
import type { MeetSpace } from './answer.ts';
import { MeetFault } from './fault.ts';

/** The class of these tests: nine to ten, UTC, and the clocks stand at half past nine. */
export const S = Date.parse('2026-03-02T09:00:00.000Z');
export const E = S + 3_600_000;
export const HALF_PAST = S + 1_800_000;
export const WINDOW = { startMs: S, endMs: E };
export const TEACHER = 'teacher@school.example';
export const minute = (n: number) => S + n * 60_000;

export interface SimulatedGoogle {
  simulator: MeetSimulator;
  control: MeetSimulatorControl;
  adapter: MeetAdapter;
  /** A space of the teacher. */
  space: MeetSpace;
  adapterWith(options: Partial<MeetAdapterOptions>): MeetAdapter;
  /** How many calls there were by now, by the end of their route. */
  callsTo(route: string): Promise<number>;
}

/** A fresh simulator for each test, with a teacher, a space and a clock that stands still. */
export function useSimulatedGoogle(): () => SimulatedGoogle {
  let accountKey: AccountKey;
  let google: SimulatedGoogle | undefined;
  beforeAll(async () => {
    accountKey = await generateAccountKey();
  });
  beforeEach(async () => {
    const simulator = await startMeetSimulator({ accountKey });
    const { control } = simulator;
    await control.setClock({ now: HALF_PAST });
    await control.addUser({ email: TEACHER, name: 'Tsehay Teacher' });
    const { name, meetingCode, meetingUri } = await control.addSpace({ owner: TEACHER });
    const adapterWith = (options: Partial<MeetAdapterOptions>) =>
      createMeetAdapter({
        serviceAccountKey: simulator.serviceAccountKey,
        rootUrl: simulator.url,
        now: () => HALF_PAST,
        ...options,
      });
    const callsTo = async (route: string) => (await control.calls()).counts[route] ?? 0;
    const space = { spaceName: name, meetingCode, meetingUri };
    google = { simulator, control, adapter: adapterWith({}), adapterWith, space, callsTo };
  });
  afterEach(() => google?.simulator.stop());
  return () => {
    if (!google) throw new Error('only inside a test');
    return google;
  };
}

export const RECORDS = 'GET /v2/conferenceRecords';
export const PARTICIPANTS = 'GET /v2/conferenceRecords/{id}/participants';
export const SESSIONS = 'GET /v2/conferenceRecords/{id}/participants/{id}/participantSessions';
export const TOKENS = 'POST /token';

/** The fault that a promise ends with; anything else fails the test. */
export async function faultOf(promise: Promise<unknown>): Promise<MeetFault> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof MeetFault) return error;
    throw error;
  }
  throw new Error('expected a MeetFault, but the call succeeded');
}
