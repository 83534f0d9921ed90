/** Over TLS, which receivers outside of tests always speak. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createWebhookSender } from './send-webhook.ts';

/** Of `receiver.example`, signed by itself, for a hundred years. It protects nothing. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBqjCCAVCgAwIBAgIUVSXsfD0ppo7C2VfxKuzbCeAolYwwCgYIKoZIzj0EAwIw
GzEZMBcGA1UEAwwQcmVjZWl2ZXIuZXhhbXBsZTAgFw0yNjExMjExMzU3MTVaGA8y
MTI2MTAyODEzNTcxNVowGzEZMBcGA1UEAwwQcmVjZWl2ZXIuZXhhbXBsZTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABJQ9m9cmF+cHfN3pYDDMUwLN854UQ5w5WSAt
LUxGEMRBbMbD4GsJyUmb2HdzikYOL0dIy1dJVvO7pMtpWH2ZoeejcDBuMB0GA1Ud
DgQWBBRDAQp6fSwfBLLL1bYAux6WhnUawDAfBgNVHSMEGDAWgBRDAQp6fSwfBLLL
1bYAux6WhnUawDAPBgNVHRMBAf8EBTADAQH/MBsGA1UdEQQUMBKCEHJlY2VpdmVy
LmV4YW1wbGUwCgYIKoZIzj0EAwIDSAAwRQIhAPNMjBQug439LuR126clh4bG0Tg3
H//pJvrAuLjzSfwMAiBW3dHl/rUeqaxTW9SdQr7Yu62PPgP3Zcjkh1YtEEswPg==
-----END CERTIFICATE-----`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHWVLVJ2fMAqlwI2I
FZGHcyv6OyroHXhQLRWIvju4qA6hRANCAASUPZvXJhfnB3zd6WAwzFMCzfOeFEOc
OVkgLS1MRhDEQWzGw+BrCclJm9h3c4pGDi9HSMtXSVbzu6TLaVh9maHn
-----END PRIVATE KEY-----`;

const usual = tls.getCACertificates('default');
const secrets = [`whsec_${Buffer.alloc(32).toString('base64')}`];
let server: Server;
let asked: string[] = [];
let received = 0;

beforeAll(async () => {
  server = createServer({ cert: CERTIFICATE, key: KEY }, (_req, res) => {
    received++;
    res.writeHead(204).end();
  });
  server.on('secureConnection', (socket) => asked.push(String(socket.servername)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  tls.setDefaultCACertificates(usual);
  server.close();
});
afterEach(() => {
  asked = [];
  received = 0;
});

const send = async (host: string) =>
  await createWebhookSender({
    toPrivateNetworks: true,
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
  })(
    {
      url: `https://${host}:${(server.address() as AddressInfo).port}/told`,
      secrets,
      messageId: 'm',
      payload: {},
    },
    Date.now(),
  );

test('nothing is told to a receiver whose certificate nobody vouches for', async () => {
  expect(await send('receiver.example')).toMatchObject({ kind: 'failed' });
  expect(received).toBe(0);
});

test('a message goes to the name whose certificate is trusted, and to no other with it', async () => {
  tls.setDefaultCACertificates([...usual, CERTIFICATE]);
  expect(await send('receiver.example')).toMatchObject({ kind: 'answered', status: 204 });
  expect([asked, received]).toEqual([['receiver.example'], 1]);
  expect(await send('other.example')).toMatchObject({ kind: 'failed' });
  expect(received).toBe(1);
});
