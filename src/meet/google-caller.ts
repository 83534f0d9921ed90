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
 * the refused one until it expires. No other failure is repeated here.
 * @param deps.now UTC milliseconds
 */
export function createGoogleCaller(deps: {
  key: ServiceAccountKey;
  clients: GoogleClients;
  timeoutMs: number;
  now(): number;
}): GoogleCaller {
  const { key, clients, timeoutMs } = deps;
  return async (errand, call) => {
    const attempt: Attempt = { ...errand, timeoutMs, clientId: key.clientId, clientEmail: key.clientEmail };
    const client = clients.of(errand.subject, errand.scopes);
    try {
      return (await call(client)).data;
    } catch (error) {
      const { status, oauthError } = readFailure(error);
      if (status !== 401 || oauthError !== undefined) throw readFault(error, attempt, deps.now());
      clients.drop(client);
    }
    try {
      return (await call(clients.of(errand.subject, errand.scopes))).data;
    } catch (error) {
      throw readFault(error, attempt, deps.now());
    }
  };
}
