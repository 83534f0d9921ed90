import { describe, expect, test } from 'vitest';
import { livekitSettings, readLiveKitKeys } from './keys.ts';

const key = (apiKey: string, secret: string, tenantId: string | null = null) => ({
  apiKey,
  secret,
  tenantId,
});

describe('the keys', () => {
  test.each([
    ['none', {}, []],
    ['the first', { LIVEKIT_API_KEY: 'a', LIVEKIT_API_SECRET: 'x' }, [key('a', 'x')]],
    ['further ones', { LIVEKIT_KEYS: 'a:x,b:y' }, [key('a', 'x'), key('b', 'y')]],
    [
      'spaces, line ends and empty entries',
      { LIVEKIT_KEYS: ' a:x ,\n,b:y, ' },
      [key('a', 'x'), key('b', 'y')],
    ],
    ["a tenant's own", { LIVEKIT_KEYS: 'a:x:school,b:y' }, [key('a', 'x', 'school'), key('b', 'y')]],
    [
      'of one tenant and no other',
      { LIVEKIT_KEYS: 'a:x:school,b:y:school' },
      [key('a', 'x', 'school'), key('b', 'y', 'school')],
    ],
    [
      'the first before the further ones',
      { LIVEKIT_API_KEY: 'a', LIVEKIT_API_SECRET: 'x', LIVEKIT_KEYS: 'b:y' },
      [key('a', 'x'), key('b', 'y')],
    ],
    [
      'one of both kinds once, with its tenant',
      { LIVEKIT_API_KEY: 'a', LIVEKIT_API_SECRET: 'x', LIVEKIT_KEYS: 'a:x:school' },
      [key('a', 'x', 'school')],
    ],
  ])('are read: %s', (_which, given, keys) => {
    expect(readLiveKitKeys(given)).toEqual({ keys, wrong: [] });
  });

  test.each([
    ['alone', 'expected key:secret'],
    ['a:', 'expected key:secret'],
    [':x', 'expected key:secret'],
    ['a:x:school:more', 'expected key:secret'],
    ['a:x:', 'is not the name of a tenant'],
    ['a:x:The School', '"The School" is not the name of a tenant'],
    ['b:y,a:x', 'a is given twice, with two secrets'],
  ])('"%s" is wrong by its number and what would be right', (LIVEKIT_KEYS, message) => {
    const given = { LIVEKIT_API_KEY: 'a', LIVEKIT_API_SECRET: 'first', LIVEKIT_KEYS };
    const { wrong } = readLiveKitKeys(given);
    expect(wrong).toEqual([expect.stringMatching(/^entry [12]: /)]);
    expect(wrong[0]).toContain(message);
  });

  test.each([
    ['in the list', { LIVEKIT_KEYS: 'a:x:school,b:y:academy,c:z:school' }],
    [
      'with the first in it too',
      { LIVEKIT_API_KEY: 'a', LIVEKIT_API_SECRET: 'x', LIVEKIT_KEYS: 'a:x:school,b:y:academy' },
    ],
  ])('of several tenants, %s, are wrong without one for all', (_where, given) => {
    expect(readLiveKitKeys(given).wrong).toEqual([
      "each key is one tenant's own (school, academy), and none may sign for all: expected a key without a tenant too, key:secret",
    ]);
  });

  test('an entry that is wrong does not take the others with it, and no message repeats a secret', () => {
    const { keys, wrong } = readLiveKitKeys({ LIVEKIT_KEYS: 'a:top-secret:x:y,b:y,b:top-secret' });
    expect(keys).toEqual([key('b', 'y')]);
    expect(wrong.map((message) => message.slice(0, 7))).toEqual(['entry 1', 'entry 3']);
    expect(wrong.join()).not.toContain('top-secret');
  });
});

describe('LiveKit', () => {
  const whole = { LIVEKIT_URL: 'wss://livekit.example', LIVEKIT_API_KEY: 'a', LIVEKIT_API_SECRET: 'x' };

  test('is on with an address and a key; the key that stands alone signs, each may sign a webhook', () => {
    expect(livekitSettings({ ...whole, LIVEKIT_KEYS: 'b:y' })).toEqual({
      url: 'wss://livekit.example',
      key: key('a', 'x'),
      keys: [key('a', 'x'), key('b', 'y')],
    });
  });

  test.each([
    ['the first that is for all tenants', 'a:x:school,b:y,c:z', 'b'],
    ['the first, where each is of the same tenant', 'a:x:school,b:y:school', 'a'],
    ['the only one, also where it names its tenant', 'a:x:school', 'a'],
  ])('signs with %s', (_which, LIVEKIT_KEYS, signs) => {
    const settings = livekitSettings({ LIVEKIT_URL: whole.LIVEKIT_URL, LIVEKIT_KEYS });
    expect(settings?.key.apiKey).toBe(signs);
    expect(settings?.keys).toHaveLength(LIVEKIT_KEYS.split(',').length);
  });

  test.each([
    ['nothing', {}],
    ['an address alone', { LIVEKIT_URL: 'wss://livekit.example' }],
    ['a key alone', { LIVEKIT_API_KEY: 'a', LIVEKIT_API_SECRET: 'x' }],
  ])('is off with %s', (_which, given) => {
    expect(livekitSettings(given)).toBeNull();
  });
});
