import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MeetFault } from './fault.ts';

export interface ServiceAccountKey {
  clientEmail: string;
  /** The number under which the Admin console lists domain-wide delegation. */
  clientId: string;
  privateKey: string;
}

const CURE =
  'set GOOGLE_SERVICE_ACCOUNT_KEY to the JSON key of a service account, or to the path of that file ' +
  '(Cloud console > IAM > Service accounts > Keys > Add key > JSON)';

/**
 * Reads the key of a service account.
 * @param value the JSON itself or the path of a file with it
 * @throws MeetFault `bad_key` that says what is wrong, never what the key is
 */
export function readServiceAccountKey(value: string): ServiceAccountKey {
  const fields = parseFields(value.trim().startsWith('{') ? value : readKeyFile(value));
  const privateKey = requiredText(fields, 'private_key');
  const key = {
    clientEmail: requiredText(fields, 'client_email'),
    clientId: typeof fields.client_id === 'string' ? fields.client_id : '(no client_id in the key)',
    // Some ways of setting the environment keep the backslash of \n.
    privateKey: privateKey.replaceAll('\\n', '\n'),
  };
  try {
    createPrivateKey(key.privateKey);
  } catch (cause) {
    throw badKey('private_key is not a PEM private key', cause);
  }
  return key;
}

/** No path is longer; a key in another encoding than JSON is, and must not be shown. */
const LONGEST_PATH = 255;

function readKeyFile(path: string): string {
  if (path.length > LONGEST_PATH)
    throw badKey(`neither JSON nor the path of a file (${path.length} characters)`);
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw badKey(`cannot read the file ${path}`, cause);
  }
}

function parseFields(json: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    // The cause is left out: JSON.parse quotes what it read.
    throw badKey('not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) throw badKey('not a JSON object');
  const fields = { ...parsed } as Record<string, unknown>;
  if (fields.type !== 'service_account') {
    throw badKey(`type is ${JSON.stringify(fields.type)}, expected "service_account"`);
  }
  return fields;
}

function requiredText(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string' || value === '') throw badKey(`${name} is missing`);
  return value;
}

const badKey = (what: string, cause?: unknown) =>
  new MeetFault('bad_key', 'never', `service account key: ${what}`, { cure: CURE, cause });
