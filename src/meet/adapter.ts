import type { AllAnswer, MeetSpace, PresentAnswer } from './answer.ts';
import { type CheckStep, checkMeet } from './check-meet.ts';
import { type LookUps, lookUpUsers } from './directory.ts';
import { createGoogleCaller, type GoogleCaller } from './google-caller.ts';
import { createGoogleClients, createMeetApi } from './google-clients.ts';
import { type AllQuery, listAll } from './list-all.ts';
import { listPresent, type PresentQuery } from './list-present.ts';
import { redirectedFetch } from './redirected-fetch.ts';
import { readServiceAccountKey, type ServiceAccountKey } from './service-account-key.ts';
import { createSpace, endConference, getSpace } from './spaces.ts';

/**
 * Google Meet in our words. Every function acts as `subject`, the e-mail of the space's organizer (domain-wide
 * delegation), and throws MeetFault and nothing else. Nothing is repeated but a call whose token was refused, once, and
 * nothing is slowed down: the task queue does both.
 */
export interface MeetAdapter {
  createSpace(query: { subject: string }): Promise<MeetSpace>;
  /** @param query.code `abc-mnop-xyz` or `spaces/…` */
  getSpace(query: { subject: string; code: string }): Promise<MeetSpace>;
  /** Sends everybody home who is in the space. Google grants it for spaces that we made only. */
  endConference(query: { subject: string; spaceName: string }): Promise<void>;
  listPresent(query: PresentQuery): Promise<PresentAnswer>;
  listAll(query: AllQuery): Promise<AllAnswer>;
  /** Asks about one after the other, up to the first fault. @param query.identities as in `MeetAnswer` */
  lookUpUsers(query: { subject: string; identities: readonly string[] }): Promise<LookUps>;
  /** One step after another; it makes a real space. Failures are steps, not exceptions. */
  checkMeet(query: { subject: string }): AsyncGenerator<CheckStep, void>;
}

export interface MeetAdapterOptions {
  /** JSON of the key or the path of its file. It is read with the first call, which throws `bad_key`. */
  serviceAccountKey: string;
  /** `GOOGLE_ROOT_URL`: where everything goes that would go to Google. */
  rootUrl?: string | undefined;
  /** For each call, milliseconds; default and most 15,000. */
  timeoutMs?: number;
  fetch?: typeof fetch;
  /** Our clock, UTC milliseconds. */
  now?: () => number;
}

/** No call waits longer, so that an activity's own timeout can be short. */
const LONGEST_MS = 15_000;

export function createMeetAdapter(options: MeetAdapterOptions): MeetAdapter {
  const now = options.now ?? Date.now;
  const timeoutMs = Math.min(options.timeoutMs ?? LONGEST_MS, LONGEST_MS);
  const api = createMeetApi();
  const outward =
    options.rootUrl === undefined ? options.fetch : redirectedFetch(options.rootUrl, options.fetch);

  let opened: { key: ServiceAccountKey; call: GoogleCaller } | undefined;
  function open() {
    if (opened) return opened;
    const key = readServiceAccountKey(options.serviceAccountKey);
    const clients = createGoogleClients(key, { timeoutMs, fetch: outward });
    opened = { key, call: createGoogleCaller({ key, clients, timeoutMs, now }) };
    return opened;
  }

  return {
    createSpace: async ({ subject }) => createSpace(open().call, api, subject),
    getSpace: async ({ subject, code }) => getSpace(open().call, api, subject, code),
    endConference: async ({ subject, spaceName }) => endConference(open().call, api, subject, spaceName),
    listPresent: async (query) => listPresent(open().call, api, query, now),
    listAll: async (query) => listAll(open().call, api, query, now),
    lookUpUsers: async ({ subject, identities }) => lookUpUsers(open().call, subject, identities),
    checkMeet: ({ subject }) => checkMeet(open, api, subject, now),
  };
}
