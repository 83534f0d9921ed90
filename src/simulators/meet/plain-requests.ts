import { importPKCS8, SignJWT } from 'jose';
import { afterEach, beforeEach } from 'vitest';
import { type MeetSimulator, type MeetSimulatorControl, startMeetSimulator } from '../meet-server.ts';

export const T = Date.parse('2026-03-02T09:00:00.000Z');
export const TEACHER = 'teacher@school.example';
const MEET = ['created', 'readonly'].map((name) => `https://www.googleapis.com/auth/meetings.space.${name}`);
export const DIRECTORY = 'https://www.googleapis.com/auth/admin.directory.user.readonly';

export interface Assertion {
  subject?: string;
  scopes?: string[];
  privateKey?: string;
  issuer?: string;
  audience?: string;
}
interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Speaks to a fresh simulator in plain HTTP, without Google's libraries; its clock stands at T. */
export function useSimulator() {
  let started: MeetSimulator | undefined;
  const simulator = (): MeetSimulator => {
    if (!started) throw new Error('only inside a test');
    return started;
  };
  beforeEach(async () => {
    started = await startMeetSimulator();
    await started.control.setClock({ now: T });
    await started.control.addUser({ email: TEACHER });
  });
  afterEach(() => started?.stop());

  async function requestToken({
    subject = TEACHER,
    scopes = MEET,
    ...given
  }: Assertion = {}): Promise<Answer> {
    const key = JSON.parse(simulator().serviceAccountKey) as { private_key: string; client_email: string };
    const assertion = await new SignJWT({ scope: scopes.join(' ') })
      .setProtectedHeader({ alg: 'RS256' })
      .setIssuer(given.issuer ?? key.client_email)
      .setAudience(given.audience ?? 'https://oauth2.googleapis.com/token')
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(await importPKCS8(given.privateKey ?? key.private_key, 'RS256'));
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
    });
    return answerOf(await fetch(`${simulator().url}/token`, { method: 'POST', body }));
  }

  /** @param token of the teacher for Meet when left out */
  async function get(path: string, token?: unknown): Promise<Answer> {
    const bearer = token ?? (await requestToken()).body.access_token;
    const headers = { authorization: `Bearer ${String(bearer)}` };
    return answerOf(await fetch(simulator().url + path, { headers }));
  }

  return { requestToken, get, simulator, control: (): MeetSimulatorControl => simulator().control };
}

const answerOf = async (response: Response): Promise<Answer> => ({
  status: response.status,
  body: (await response.json()) as Record<string, unknown>,
});
