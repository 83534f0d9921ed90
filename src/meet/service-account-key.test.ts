import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccountKey, generateAccountKey } from '../simulators/meet/account-key.ts';
import { createMeetAdapter } from './adapter.ts';
import { MeetFault } from './fault.ts';
import { readServiceAccountKey } from './service-account-key.ts';

let key: AccountKey;
let folder: string;
beforeAll(async () => {
  key = await generateAccountKey();
  folder = await mkdtemp(join(tmpdir(), 'rollcall-key-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the key of the service account', () => {
  it('is read from JSON or from the file that a path names', async () => {
    const path = join(folder, 'key.json');
    await writeFile(path, JSON.stringify(key));
    const read = readServiceAccountKey(path);
    expect(read).toEqual(readServiceAccountKey(JSON.stringify(key)));
    expect(read).toEqual({
      clientEmail: key.client_email,
      clientId: key.client_id,
      privateKey: key.private_key,
    });
  });

  it('may have its line breaks written out', () => {
    const written = { ...key, private_key: key.private_key.replaceAll('\n', '\\n') };
    expect(readServiceAccountKey(JSON.stringify(written)).privateKey).toBe(key.private_key);
  });

  it.each<[string, () => string, string]>([
    ['a path without a file', () => join(folder, 'none.json'), 'cannot read the file'],
    [
      'a key in Base64',
      () => Buffer.from('{"type":"x"}'.repeat(99)).toString('base64'),
      'neither JSON nor the path',
    ],
    ['no JSON', () => '{"type": "service_account", "private_key": "hush', 'not JSON'],
    [
      'a client of another kind',
      () => JSON.stringify({ ...key, type: 'authorized_user' }),
      'expected "service_account"',
    ],
    ['no e-mail', () => JSON.stringify({ ...key, client_email: undefined }), 'client_email is missing'],
    ['no private key', () => JSON.stringify({ ...key, private_key: '' }), 'private_key is missing'],
    ['a damaged private key', () => JSON.stringify({ ...key, private_key: 'hush' }), 'not a PEM private key'],
  ])('%s is a bad key, and the message says where to get a good one', (_title, value, words) => {
    const reading = () => readServiceAccountKey(value());
    expect(reading).toThrow(MeetFault);
    expect(reading).toThrow(expect.objectContaining({ code: 'bad_key', kind: 'never' }));
    expect(reading).toThrow(words);
    expect(reading).toThrow('GOOGLE_SERVICE_ACCOUNT_KEY');
    expect(reading).not.toThrow('hush');
  });

  it('is not read before the first call, which fails with it', async () => {
    const adapter = createMeetAdapter({ serviceAccountKey: '{}' });
    await expect(adapter.createSpace({ subject: 'a@b.example' })).rejects.toMatchObject({ code: 'bad_key' });
  });
});
