import { overlappingRecords } from './conference-records.ts';
import { readDirectoryUser } from './directory.ts';
import { MeetFault } from './fault.ts';
import type { GoogleCaller } from './google-caller.ts';
import type { MeetApi } from './google-clients.ts';
import { listParticipants } from './participants.ts';
import { ALL_SCOPES, DIRECTORY_READONLY, MEET_SCOPES } from './scopes.ts';
import type { ServiceAccountKey } from './service-account-key.ts';
import { createSpace, getSpace } from './spaces.ts';

export interface CheckStep {
  step: 'key' | 'scope' | 'impersonation' | 'space' | 'conference_records' | 'participants' | 'directory';
  ok: boolean;
  message: string;
  /** What to do about it, when it is not ok and something can be done. */
  cure?: string;
}

/** Meet keeps records that long; what the check looks through. */
const KEPT_MS = 30 * 24 * 3_600_000;

/**
 * Tries out everything Rollcall needs of Google, in the order in which one thing rests on another. A step that cannot
 * succeed because an earlier one failed is left out.
 * @param open reads the key, or throws `bad_key`
 */
export async function* checkMeet(
  open: () => { key: ServiceAccountKey; call: GoogleCaller },
  api: MeetApi,
  subject: string,
  now: () => number,
): AsyncGenerator<CheckStep, void> {
  const key = await attempt(async () => open());
  yield stepOf('key', key, ({ key }) => `service account ${key.clientEmail}, client ${key.clientId}`);
  if (!key.ok) return;
  const { call } = key.value;

  const granted = new Set<string>();
  let impersonated: Outcome<unknown> = noScope(subject);
  for (const scope of ALL_SCOPES) {
    const token = await attempt(() => fetchToken(call, subject, scope));
    if (!token.ok && token.fault.code !== 'scope_missing' && granted.size === 0) {
      impersonated = token;
      break;
    }
    if (token.ok) {
      granted.add(scope);
      impersonated = token;
    }
    yield stepOf('scope', token, () => `${scope} granted`);
  }
  yield stepOf('impersonation', impersonated, () => `acts as ${subject}`);

  if (MEET_SCOPES.every((scope) => granted.has(scope))) yield* checkSpace(call, api, subject, now);
  if (granted.has(DIRECTORY_READONLY)) {
    const user = await attempt(() => readDirectoryUser(call, subject, subject));
    yield stepOf('directory', user, ({ name, email }) => `${email} is ${name}`);
  }
}

async function* checkSpace(
  call: GoogleCaller,
  api: MeetApi,
  subject: string,
  now: () => number,
): AsyncGenerator<CheckStep, void> {
  const space = await attempt(async () => {
    const { spaceName } = await createSpace(call, api, subject);
    return getSpace(call, api, subject, spaceName);
  });
  yield stepOf('space', space, ({ spaceName, meetingUri }) => `made and read ${spaceName}, ${meetingUri}`);

  const window = { startMs: now() - KEPT_MS, endMs: now() };
  const records = await attempt(() => overlappingRecords(call, api, { subject, window }));
  yield stepOf('conference_records', records, (found) => `${found.length} in the last 30 days`);
  if (!records.ok) return;

  const latest = records.value.at(-1);
  const participants = await attempt(async () =>
    latest ? listParticipants(call, api, { subject, room: latest.room, which: 'all' }) : undefined,
  );
  yield stepOf('participants', participants, (found) =>
    found ? `${found.length} in ${latest?.room}` : 'no conference yet to read them from',
  );
}

type Outcome<Value> = { ok: true; value: Value } | { ok: false; fault: MeetFault };

async function attempt<Value>(act: () => Promise<Value>): Promise<Outcome<Value>> {
  try {
    return { ok: true, value: await act() };
  } catch (fault) {
    if (fault instanceof MeetFault) return { ok: false, fault };
    throw fault;
  }
}

function stepOf<Value>(
  step: CheckStep['step'],
  outcome: Outcome<Value>,
  describe: (value: Value) => string,
): CheckStep {
  if (outcome.ok) return { step, ok: true, message: describe(outcome.value) };
  const { what, cure } = outcome.fault;
  return { step, ok: false, message: what, ...(cure === undefined ? {} : { cure }) };
}

/** The caller wants data; a token alone has none. */
async function fetchToken(call: GoogleCaller, subject: string, scope: string): Promise<void> {
  await call({ subject, scopes: [scope], doing: `fetch a token for ${scope}` }, async (client) => ({
    data: await client.getAccessToken(),
  }));
}

const noScope = (subject: string): Outcome<never> => ({
  ok: false,
  fault: new MeetFault('scope_missing', 'never', `no scope is granted, so nobody acts as ${subject}`, {
    cure: `grant ${ALL_SCOPES.join(', ')}`,
  }),
});
