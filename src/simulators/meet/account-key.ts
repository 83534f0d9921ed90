import { createPublicKey, generateKeyPair } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** The key file of a service account as the Cloud console gives it, as far as it is read. */
export interface AccountKey {
  type: 'service_account';
  project_id: string;
  private_key_id: string;
  private_key: string;
  client_email: string;
  client_id: string;
  token_uri: string;
}

export async function generateAccountKey(): Promise<AccountKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return {
    type: 'service_account',
    project_id: 'rollcall-simulator',
    private_key_id: 'simulated',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    client_email: 'rollcall@rollcall-simulator.iam.gserviceaccount.com',
    client_id: '100000000000000000001',
    token_uri: 'https://oauth2.googleapis.com/token',
  };
}

export const publicKeyOf = (key: AccountKey): string =>
  createPublicKey(key.private_key).export({ type: 'spki', format: 'pem' }).toString();

/** Reads the key of an earlier run, so that clients survive a restart of the simulator; else writes a new one. */
export async function keyFromFile(path: string): Promise<AccountKey> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as AccountKey;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const key = await generateAccountKey();
    await writeFile(path, JSON.stringify(key), { mode: 0o600 });
    return key;
  }
}
