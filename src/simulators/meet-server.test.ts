import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { T, TEACHER, useSimulator } from './meet/plain-requests.ts';
import { createMeetSimulatorControl } from './meet-server.ts';

const google = useSimulator();
const { requestToken, get, control } = google;

describe('the control interface', () => {
  it('plants a fault for some calls or for a while, and says how often it was called', async () => {
    const { control } = google.simulator();
    const token = (await requestToken()).body.access_token;
    await control.resetCalls();
    await control.plantFault({ match: '^GET /v2/conferenceRecords', status: 503, retry_after: 3, times: 1 });
    await control.plantFault({ status: 500, for_seconds: 0 });
    const refused = await fetch(`${google.simulator().url}/v2/conferenceRecords`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '3']);
    expect((await get('/v2/conferenceRecords', token)).status).toBe(200);
    const { counts, log } = await control.calls();
    expect(counts).toEqual({ 'GET /v2/conferenceRecords': 2 });
    expect(log.map(({ status, subject }) => [status, subject])).toEqual([
      [503, null],
      [200, TEACHER],
    ]);
  });

  it('lets calls hang, and stops all the same', async () => {
    await control().plantFault({ hang: true });
    const hanging = expect(fetch(`${google.simulator().url}/v2/conferenceRecords`)).rejects.toThrow();
    await vi.waitUntil(async () => (await control().calls()).log[0]?.status === 'hung');
    await google.simulator().stop();
    await hanging;
  });

  it('revokes tokens', async () => {
    const token = (await requestToken()).body.access_token;
    await control().revokeTokens();
    expect((await get('/v2/conferenceRecords', token)).status).toBe(401);
  });

  it('says what it would have accepted', async () => {
    const { control } = google.simulator();
    await expect(control.plantFault({ match: 'x' })).rejects.toThrow(
      'exactly one of status, hang, drop, hide_rows',
    );
    await expect(control.addConference({ space: 'spaces/none', start: T })).rejects.toThrow(
      'no space spaces/none',
    );
    const { name } = await control.addSpace({ owner: TEACHER });
    await expect(control.addConference({ space: name })).rejects.toThrow('start or sessions');
  });

  it('moves the clock against the real one', async () => {
    await control().setClock({ offset_ms: 86_400_000 });
    const before = Date.now() + 86_400_000;
    const now = await control().now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(now).toBeLessThanOrEqual(Date.now() + 86_400_000);
  });
});

describe('as its own process', () => {
  it('says when it is ready, keeps its key in the file and ends when told to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rollcall-simulator-'));
    const keyFile = join(folder, 'key.json');
    const program = fileURLToPath(new URL('meet-server.ts', import.meta.url));
    const run = async () => {
      const child = spawn(process.execPath, [
        program,
        '--port',
        '0',
        '--key-file',
        keyFile,
        '--auto-provision',
      ]);
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
      const url = /^meet simulator ready (http:\S+)$/.exec(line)?.[1] ?? '';
      const user = await createMeetSimulatorControl(url).addUser({ email: TEACHER });
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number];
      return { user, code, key: await readFile(keyFile, 'utf8') };
    };
    const first = await run();
    expect(first.code).toBe(0);
    expect(first.user.email).toBe(TEACHER);
    expect((await run()).key).toBe(first.key);
    await rm(folder, { recursive: true });
  }, 20_000);
});
