import type { LookupAddress } from 'node:dns';
import { describe, expect, test } from 'vitest';
import { isPublicAddress } from './public-address.ts';
import { whatIsWrongWith } from './receiver-url.ts';
import { createWebhookSender } from './send-webhook.ts';

/** A name service that knows these names. */
const names: Record<string, string[]> = {
  'receiver.example': ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946'],
  'inside.example': ['10.0.0.7'],
  'half.example': ['93.184.216.34', '127.0.0.1'],
  'mapped.example': ['::ffff:192.168.0.1'],
  localhost: ['127.0.0.1', '::1'],
};
async function resolve(host: string): Promise<LookupAddress[]> {
  const found = names[host];
  if (!found) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  return found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
}
const refused = (url: string, toPrivateNetworks = false) =>
  whatIsWrongWith(url, { toPrivateNetworks, resolve });

describe('an address is public', () => {
  test.each([
    '8.8.8.8',
    '93.184.216.34',
    '172.32.0.1',
    '100.128.0.1',
    '2606:2800:220:1::1',
    '::ffff:8.8.8.8',
  ])('%s', (address) => expect(isPublicAddress(address)).toBe(true));

  test.each([
    ['unspecified', '0.0.0.0'],
    ['of this network', '0.1.2.3'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['private', '10.1.2.3'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['of a carrier', '100.64.0.1'],
    ['link-local, where clouds keep their secrets', '169.254.169.254'],
    ['for protocols', '192.0.0.1'],
    ['for documentation', '192.0.2.1'],
    ['for documentation', '198.51.100.1'],
    ['for documentation', '203.0.113.1'],
    ['for benchmarks', '198.18.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['link-local', 'fe80::1'],
    ['link-local, with a zone', 'fe80::1%eth0'],
    ['site-local', 'fec0::1'],
    ['private', 'fc00::1'],
    ['private', 'fd12:3456:789a::1'],
    ['multicast', 'ff02::1'],
    ['loopback behind IPv6', '::ffff:127.0.0.1'],
    ['private behind IPv6', '::ffff:a00:1'],
    ['IPv4-compatible', '::127.0.0.1'],
    ['translated', '64:ff9b::7f00:1'],
    ['translated, of a network of its own', '64:ff9b:1::a00:1'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001:0:1::1'],
    ['for documentation', '2001:db8::1'],
    ['discarded', '100::1'],
    ['for segment routing', '5f00::1'],
    ['not given out', '4000::1'],
    ['no address', 'receiver.example'],
    ['no address', ''],
  ])('not when it is %s: %s', (_kind, address) => expect(isPublicAddress(address)).toBe(false));
});

describe('the URL of a receiver', () => {
  test.each([
    'https://receiver.example/hook?a=b',
    'https://receiver.example:8443/',
    'https://93.184.216.34/',
  ])('is %s', async (url) => expect(await refused(url)).toBeNull());

  test.each([
    ['http://receiver.example/', 'must be an absolute URL with https'],
    ['ftp://receiver.example/', 'must be an absolute URL with https'],
    ['file:///etc/passwd', 'must be an absolute URL with https'],
    ['/hook', 'must be an absolute URL with https'],
    ['https://', 'must be an absolute URL with https'],
    ['https://user@receiver.example/', 'must not contain a user name or a password'],
    ['https://:secret@receiver.example/', 'must not contain a user name or a password'],
    ['https://nowhere.example/', 'must name a host that can be found'],
    ['https://inside.example/', 'must lead to a public address'],
    ['https://half.example/', 'must lead to a public address'],
    ['https://mapped.example/', 'must lead to a public address'],
    ['https://localhost/', 'must lead to a public address'],
    ['https://LOCALHOST/', 'must lead to a public address'],
    ['https://127.0.0.1/', 'must lead to a public address'],
    ['https://2130706433/', 'must lead to a public address'],
    ['https://0x7f000001/', 'must lead to a public address'],
    ['https://0x7f.1/', 'must lead to a public address'],
    ['https://0177.0.0.1/', 'must lead to a public address'],
    ['https://127.1/', 'must lead to a public address'],
    ['https://%31%32%37.0.0.1/', 'must lead to a public address'],
    ['https://１２７.0.0.1/', 'must lead to a public address'],
    ['https://127.0.0.1./', 'must lead to a public address'],
    ['https://169.254.169.254/latest/meta-data', 'must lead to a public address'],
    ['https://[::1]/', 'must lead to a public address'],
    ['https://[::ffff:10.0.0.1]/', 'must lead to a public address'],
    ['https://[fd00::1]:8443/', 'must lead to a public address'],
  ])('is not %s', async (url, message) => expect(await refused(url)).toBe(message));

  test.each(['http://127.0.0.1:3000/', 'https://inside.example/', 'http://[::1]/', 'http://localhost:1/'])(
    'is also %s where private networks are let in',
    async (url) => expect(await refused(url, true)).toBeNull(),
  );

  test.each([
    ['ftp://127.0.0.1/', 'must be an absolute URL with https or http'],
    ['http://a:b@127.0.0.1/', 'must not contain a user name or a password'],
  ])('is not %s even there', async (url, message) => expect(await refused(url, true)).toBe(message));
});

test.each([
  ['a name', 'https://inside.example/'],
  ['a name of which one address is not public', 'https://half.example/'],
  ['an address', 'https://127.0.0.1/'],
  ['an address in IPv6', 'https://[::1]/'],
  ['an address in IPv6 that stands for one in IPv4', 'https://[::ffff:127.0.0.1]/'],
])('nothing is sent to a stored URL that leads inside: %s', async (_kind, url) => {
  const send = createWebhookSender({ toPrivateNetworks: false, resolve });
  const secret = `whsec_${Buffer.alloc(32).toString('base64')}`;
  const sent = await send({ url, secrets: [secret], messageId: 'm', payload: {} }, Date.now());
  expect(sent).toEqual({ kind: 'failed', error: 'the host leads to an address that is not public' });
});

test('nothing is sent in the clear once private networks are shut out again', async () => {
  const send = createWebhookSender({ toPrivateNetworks: false, resolve });
  const secret = `whsec_${Buffer.alloc(32).toString('base64')}`;
  const message = { url: 'http://receiver.example/', secrets: [secret], messageId: 'm', payload: {} };
  expect(await send(message, Date.now())).toEqual({ kind: 'failed', error: 'the address is not https' });
});
