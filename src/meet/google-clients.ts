import { auth, meet, type meet_v2 } from 'googleapis/build/src/apis/meet/index.js';
import type { ServiceAccountKey } from './service-account-key.ts';

/** An authenticated client of Google that acts for one person with one set of scopes. */
export type GoogleClient = InstanceType<typeof auth.JWT>;
export type MeetApi = meet_v2.Meet;

/** More teachers than this at once cost a token request more each, nothing else. */
const KEPT = 1000;

export interface GoogleClients {
  /** The cached client of a person, or a new one; it fetches its token with its first call. */
  of(subject: string, scopes: readonly string[]): GoogleClient;
  /** Forgets a client whose token was refused; one that has taken its place meanwhile stays. */
  drop(refused: GoogleClient): void;
}

/**
 * @param options.timeoutMs for each call, the token's included
 * @param options.fetch in place of the library's own, which honours HTTPS_PROXY
 */
export function createGoogleClients(
  key: ServiceAccountKey,
  options: { timeoutMs: number; fetch?: typeof fetch | undefined; kept?: number },
): GoogleClients {
  // A Map iterates in order of insertion: the first entry is the one that was not used for longest.
  const clients = new Map<string, GoogleClient>();
  const kept = options.kept ?? KEPT;

  return {
    of(subject, scopes) {
      const id = `${subject} ${scopes.join(' ')}`;
      const client = clients.get(id) ?? newClient(subject, scopes);
      clients.delete(id);
      clients.set(id, client);
      for (const oldest of clients.keys()) {
        if (clients.size <= kept) break;
        clients.delete(oldest);
      }
      return client;
    },
    drop(refused) {
      for (const [id, client] of clients) if (client === refused) clients.delete(id);
    },
  };

  function newClient(subject: string, scopes: readonly string[]): GoogleClient {
    return new auth.JWT({
      email: key.clientEmail,
      key: key.privateKey,
      scopes: [...scopes],
      subject,
      transporterOptions: {
        timeout: options.timeoutMs,
        // The token call brings a retry configuration of its own; only zero attempts in here switch it off.
        retryConfig: { retry: 0, noResponseRetries: 0 },
        ...(options.fetch ? { fetchImplementation: options.fetch } : {}),
      },
    });
  }
}

// `retry: false`: the library retries without regard to Retry-After. Whoever calls us waits as long as Google asks.
export const createMeetApi = (): MeetApi => meet({ version: 'v2', retry: false });
