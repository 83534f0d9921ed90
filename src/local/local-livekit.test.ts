import { RoomServiceClient } from 'livekit-server-sdk';
import { expect, onTestFinished, test } from 'vitest';
import type { ProgramSource } from './find-program.ts';
import { prepareLivekit, type WantedLiveKit } from './local-livekit.ts';
import { recordProgress, temporaryDirectory } from './local-test.ts';
import { localSecrets } from './secrets.ts';

const OUT_OF_REACH: ProgramSource = {
  name: 'a download',
  cure: 'Install LiveKit yourself.',
  obtain: async () => {
    throw new Error('it is out of reach');
  },
};

/** On a machine where nothing is installed and nothing in the cache. */
function prepare(wanted: WantedLiveKit, given: NodeJS.ProcessEnv = {}) {
  const { seen, report } = recordProgress();
  const env = { PATH: '', ROLLCALL_CACHE_DIR: temporaryDirectory(), ...given };
  const options = { wanted, dataDir: temporaryDirectory(), env, report, sources: [OUT_OF_REACH] };
  return { seen, prepared: prepareLivekit(options) };
}

test.each([
  ['it is not wanted', false, {}],
  ['the environment names one that runs', true, { LIVEKIT_URL: 'wss://livekit.school.example' }],
] as const)('nothing is looked for or started where %s', async (_, wanted, given) => {
  const { seen, prepared } = prepare(wanted, given);
  const { env } = await (await prepared)('http://127.0.0.1:1/webhooks/livekit');
  expect({ seen, env }).toEqual({ seen: [], env: {} });
});

test('where it is used if available, its absence is a notice with reason and cure', async () => {
  const { seen, prepared } = prepare('if_available');
  const { env } = await (await prepared)('http://127.0.0.1:1/webhooks/livekit');
  expect(env).toEqual({});
  expect(seen.at(-1)).toEqual({
    kind: 'notice',
    text: expect.stringMatching(/without LiveKit.*\n- a download: it is out of reach\n {2}Cure: Install/),
  });
});

test('where it is wanted, its absence is an error with reason and cure', async () => {
  const { prepared } = prepare(true);
  await expect(prepared).rejects.toThrow(/it is out of reach\n {2}Cure: Install/);
});

test.each([
  ['the generated key', {}],
  [
    'a key of the environment',
    { LIVEKIT_API_KEY: 'own', LIVEKIT_API_SECRET: 'at least 32 characters, by hand' },
  ],
  ['the generated key, as this one has no secret', { LIVEKIT_API_KEY: 'own' }],
])('it is started with %s', async (_, given) => {
  const dataDir = temporaryDirectory();
  const report = () => {};
  // The setup of the tests has seen to it that the program is there.
  const env = { ...process.env, LIVEKIT_URL: '', LIVEKIT_API_KEY: '', LIVEKIT_API_SECRET: '', ...given };
  const livekit = await (await prepareLivekit({ wanted: true, dataDir, env, report }))('http://127.0.0.1:1/');
  onTestFinished(() => livekit.stop());
  const { LIVEKIT_URL: url = '', ...key } = livekit.env;
  const { AUTH_JWT_SECRET: __, ...generated } = localSecrets({ dataDir, report });
  expect(key).toEqual('LIVEKIT_API_SECRET' in given ? given : generated);
  const rooms = new RoomServiceClient(url, key.LIVEKIT_API_KEY, key.LIVEKIT_API_SECRET);
  expect(await rooms.listRooms()).toEqual([]);
});
