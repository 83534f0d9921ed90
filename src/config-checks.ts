/** What can only be found out by looking at two variables together or at the file that one of them names. */
import { accessSync, constants } from 'node:fs';
import { readLiveKitKeys } from './livekit/keys.ts';
import { MeetFault } from './meet/fault.ts';
import { readServiceAccountKey } from './meet/service-account-key.ts';

export type Given = Readonly<Record<string, string>>;
export interface Wrong {
  readonly name: string;
  readonly message: string;
}

export function tokenCheck(given: Given): Wrong[] {
  if ((given.AUTH_JWT_SECRET === undefined) !== (given.AUTH_JWKS_URL === undefined)) return [];
  const message = 'expected exactly one of AUTH_JWT_SECRET (HS256) and AUTH_JWKS_URL';
  return [{ name: 'AUTH_JWT_SECRET', message }];
}

const TLS_FILES = ['TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY', 'TEMPORAL_TLS_CA'];

export function temporalTls(given: Given): Wrong[] {
  const { TEMPORAL_TLS_CERT: cert, TEMPORAL_TLS_KEY: key } = given;
  const alone = [
    ...(cert !== undefined && key === undefined ? ['TEMPORAL_TLS_CERT'] : []),
    ...(key !== undefined && cert === undefined ? ['TEMPORAL_TLS_KEY'] : []),
  ];
  return [
    ...alone.map((name) => ({ name, message: 'expected TEMPORAL_TLS_CERT and TEMPORAL_TLS_KEY together' })),
    ...TLS_FILES.flatMap((name) => unreadable(name, given[name])),
  ];
}

function unreadable(name: string, path: string | undefined): Wrong[] {
  if (path === undefined) return [];
  try {
    accessSync(path, constants.R_OK);
    return [];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return [{ name, message: `expected the path of a PEM file; ${path} cannot be read (${code})` }];
  }
}

/** LiveKit is whole or off: where it is, and a key with its secret. */
export function livekitCheck(given: Given): Wrong[] {
  const { LIVEKIT_URL: url, LIVEKIT_API_KEY: key, LIVEKIT_API_SECRET: secret } = given;
  const { keys, wrong } = readLiveKitKeys(given);
  const found = wrong.map((message) => ({ name: 'LIVEKIT_KEYS', message }));
  if ((key === undefined) !== (secret === undefined)) {
    found.push({
      name: 'LIVEKIT_API_KEY',
      message: 'expected LIVEKIT_API_KEY and LIVEKIT_API_SECRET together',
    });
  }
  if (url === undefined && keys.length > 0) {
    found.push({
      name: 'LIVEKIT_URL',
      message: 'expected the address of the LiveKit server that the keys belong to',
    });
  }
  if (url !== undefined && keys.length === 0 && found.length === 0) {
    const message = 'expected a key and its secret beside LIVEKIT_URL (LIVEKIT_API_KEY, LIVEKIT_API_SECRET)';
    found.push({ name: 'LIVEKIT_API_KEY', message });
  }
  return found;
}

/** Of the worker alone: nobody else speaks with Google. */
export function googleKey({ GOOGLE_SERVICE_ACCOUNT_KEY: key }: Given): Wrong[] {
  const name = 'GOOGLE_SERVICE_ACCOUNT_KEY';
  if (key === undefined) {
    const message =
      'expected the JSON key of a service account, or the path of that file; only local mode (npm start) plays Google itself';
    return [{ name, message }];
  }
  try {
    readServiceAccountKey(key);
    return [];
  } catch (error) {
    if (!(error instanceof MeetFault)) throw error;
    return [{ name, message: error.message }];
  }
}
