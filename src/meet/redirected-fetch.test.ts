import { expect, it } from 'vitest';
import { redirectedFetch } from './redirected-fetch.ts';

it.each([
  ['http://127.0.0.1:4010', 'https://oauth2.googleapis.com/token', 'http://127.0.0.1:4010/token'],
  [
    'http://127.0.0.1:4010/',
    'https://meet.googleapis.com/v2/spaces?x=a%20b',
    'http://127.0.0.1:4010/v2/spaces?x=a%20b',
  ],
  [
    'http://proxy.example/google/',
    'https://admin.googleapis.com/admin/x',
    'http://proxy.example/google/admin/x',
  ],
])('to %s, %s becomes %s', async (root, asked, reached) => {
  const urls: string[] = [];
  const through: typeof fetch = async (input) => {
    urls.push(input instanceof Request ? input.url : String(input));
    return new Response();
  };
  const redirected = redirectedFetch(root, through);
  await redirected(asked);
  await redirected(new URL(asked));
  await redirected(new Request(asked));
  expect(urls).toEqual([reached, reached, reached]);
});
