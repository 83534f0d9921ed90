/** A real LiveKit of one test file's own, and people who join it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RoomServiceClient } from 'livekit-server-sdk';
import { afterAll, beforeAll, inject, onTestFinished } from 'vitest';
import { type RunningLiveKit, startLivekit } from '../local/livekit.ts';
import { joinRooms, type Participants } from '../simulators/livekit/participants.ts';
import type { LiveKitSettings } from './keys.ts';

export interface TestLiveKit {
  settings: LiveKitSettings;
  /** As LiveKit itself tells it. */
  client: RoomServiceClient;
  /** Each with a token; whoever is still there when the test ends leaves. */
  join(...tokens: string[]): Promise<Participants>;
}

const key = { apiKey: 'devkey', secret: 'thirty-two characters and some more', tenantId: null };

export function useLiveKit(): () => TestLiveKit {
  let dataDir = '';
  let server: RunningLiveKit | undefined;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'rollcall-livekit-'));
    const { apiKey, secret: apiSecret } = key;
    const binary = inject('livekitBinary');
    server = await startLivekit({ binary, dataDir, apiKey, apiSecret, webhookUrls: [], report: () => {} });
  });
  afterAll(async () => {
    await server?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return () => {
    if (!server) throw new Error('only inside a test');
    const { url } = server;
    return {
      settings: { url, key, keys: [key] },
      client: new RoomServiceClient(url, key.apiKey, key.secret),
      async join(...tokens) {
        const joined = await joinRooms({ url, tokens });
        onTestFinished(() => joined.leave());
        return joined;
      },
    };
  };
}
