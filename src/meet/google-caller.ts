import { MeetFault } from './fault.ts';
import type { GoogleClient, GoogleClients } from './google-clients.ts';
import { readFailure } from './google-failure.ts';
import { type Attempt, readFault } from './read-fault.ts';
import type { ServiceAccountKey } from './service-account-key.ts';

/** For whom, with which scopes, and in words what for. */
interface Errand {
  subject: string;
  scopes: readonly string[];
  doing: string;
}

/** Makes one call to Google and answers its data. Throws MeetFault, nothing else. */
export type GoogleCaller = <Data>(
  errand: Errand,
  call: (client: GoogleClient) => Promise<{ data: Data }>,
) => Promise<Data>;

/**
 * After a 401 the client is dropped and the call made once more with a fresh token, because the auth library would send
 * the refused one until it expires. No other failure is repeated here. Where Google said when to come again, what would
 * be asked before then, by whichever class, is refused in its words without asking.
 * @param deps.now UTC milliseconds
 */
export function createGoogleCaller(deps: {
  key: ServiceAccountKey;
  clients: GoogleClients;
  timeoutMs: number;
  now(): number;
}): GoogleCaller {
  const { key, clients, timeoutMs } = deps;
  /** By person and scopes, as Google counts. */
  const quiet = new Map<string, { fault: MeetFault; untilMs: number }>();
  return async (errand, call) => {
    const attempt: Attempt = { ...errand, timeoutMs, clientId: key.clientId, clientEmail: key.clientEmail };
    const id = [errand.subject, ...errand.scopes].join(' ');
    mayAsk(id);
    const client = clients.of(errand.subject, errand.scopes);
    try {
      return (await call(client)).data;
    } catch (error) {
      const { status, oauthError } = readFailure(error);
      if (status !== 401 || oauthError !== undefined) throw faultOf(error);
      clients.drop(client);
    }
    try {
      return (await call(clients.of(errand.subject, errand.scopes))).data;
    } catch (error) {
      throw faultOf(error);
    }

    function faultOf(error: unknown): MeetFault {
      const nowMs = deps.now();
      const fault = readFault(error, attempt, nowMs);
      if (fault.retryAfterMs !== undefined) quiet.set(id, { fault, untilMs: nowMs + fault.retryAfterMs });
      return fault;
    }
  };

  function mayAsk(id: string): void {
    const told = quiet.get(id);
    if (told === undefined) return;
    const retryAfterMs = told.untilMs - deps.now();
    if (retryAfterMs <= 0) {
      quiet.delete(id);
      return;
    }
    const { code, what, cure } = told.fault;
    throw new MeetFault(code, 'retry_after', what, { cure, retryAfterMs, cause: told.fault });
  }
}
