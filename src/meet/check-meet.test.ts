import { describe, expect, it } from 'vitest';
import type { MeetAdapterOptions } from './adapter.ts';
import type { CheckStep } from './check-meet.ts';
import { S, TEACHER, useSimulatedGoogle } from './simulated-google.ts';

const google = useSimulatedGoogle();
const scope = (name: string) => `https://www.googleapis.com/auth/${name}`;

async function check(options: Partial<MeetAdapterOptions> = {}, subject = TEACHER): Promise<CheckStep[]> {
  return Array.fromAsync(google().adapterWith(options).checkMeet({ subject }));
}
const names = (steps: CheckStep[]) => steps.map(({ step, ok }) => (ok ? step : `${step}!`));
const failure = (steps: CheckStep[]) => steps.find(({ ok }) => !ok);

describe('the check', () => {
  it('goes through everything that is needed, and says what it found', async () => {
    const { control, space } = google();
    const { record } = await control.addConference({
      space: space.spaceName,
      participants: [{ kind: 'anonymous', display_name: 'Sara', sessions: [{ start: S }] }],
    });
    const steps = await check();
    expect(names(steps)).toEqual([
      'key',
      'scope',
      'scope',
      'scope',
      'impersonation',
      'space',
      'conference_records',
      'participants',
      'directory',
    ]);
    expect(steps.find(({ step }) => step === 'participants')?.message).toBe(`1 in ${record}`);
    expect(steps.at(-1)?.message).toBe(`${TEACHER} is Tsehay Teacher`);
  });

  it('is content when there was no conference yet', async () => {
    const steps = await check();
    expect(failure(steps)).toBeUndefined();
    expect(steps.find(({ step }) => step === 'participants')?.message).toContain('no conference yet');
  });

  it('ends with a key that cannot be read', async () => {
    const steps = await check({ serviceAccountKey: '/nowhere/key.json' });
    expect(names(steps)).toEqual(['key!']);
    expect(steps[0]?.cure).toContain('GOOGLE_SERVICE_ACCOUNT_KEY');
    expect(steps[0]?.message).not.toContain(steps[0]?.cure);
  });

  it.each([
    ['meetings.space.created', ['key', 'scope!', 'scope', 'scope', 'impersonation', 'directory']],
    ['meetings.space.readonly', ['key', 'scope', 'scope!', 'scope', 'impersonation', 'directory']],
    [
      'admin.directory.user.readonly',
      ['key', 'scope', 'scope', 'scope!', 'impersonation', 'space', 'conference_records', 'participants'],
    ],
  ])('names the missing scope %s and tries what does not need it', async (missing, expected) => {
    const all = ['meetings.space.created', 'meetings.space.readonly', 'admin.directory.user.readonly'];
    await google().control.setDelegation({ scopes: all.filter((name) => name !== missing).map(scope) });
    const steps = await check();
    expect(names(steps)).toEqual(expected);
    expect(failure(steps)?.message).toContain(`scope ${scope(missing)} missing`);
    expect(failure(steps)?.cure).toContain('Domain-wide delegation');
  });

  it('without any scope nobody can be impersonated', async () => {
    await google().control.setDelegation({ scopes: [] });
    const steps = await check();
    expect(names(steps)).toEqual(['key', 'scope!', 'scope!', 'scope!', 'impersonation!']);
    expect(steps.at(-1)?.cure).toContain(scope('meetings.space.created'));
  });

  it('names whom it cannot impersonate, once', async () => {
    const steps = await check({}, 'nobody@school.example');
    expect(names(steps)).toEqual(['key', 'impersonation!']);
    expect(steps.at(-1)?.message).toContain('cannot impersonate nobody@school.example');
    expect(steps.at(-1)?.cure).toContain('active user of the domain');
  });

  it.each([
    ['space', 'POST /v2/spaces', { status: 403, reason: 'SERVICE_DISABLED' }, 'enable it at'],
    ['conference_records', 'GET /v2/conferenceRecords\\?', { status: 403 }, 'organizer'],
    ['participants', 'participants\\?', { status: 403 }, 'organizer'],
    ['directory', 'GET /admin', { status: 403, reason: 'forbidden' }, 'contact sharing'],
  ])('a refused %s is a step that failed, with its cure', async (step, match, answer, cure) => {
    const { control, space } = google();
    await control.addConference({ space: space.spaceName, start: S });
    await control.plantFault({ match, ...answer });
    const failed = failure(await check());
    expect(failed?.step).toBe(step);
    expect(failed?.cure).toContain(cure);
  });

  it('goes on when one token fails after others came', async () => {
    let asked = 0;
    const failing: typeof fetch = async (input, init) => {
      if (new URL(input instanceof Request ? input.url : input).pathname !== '/token')
        return fetch(input, init);
      asked += 1;
      return asked === 3 ? Response.json({ error: 'internal_failure' }, { status: 503 }) : fetch(input, init);
    };
    const steps = await check({ fetch: failing });
    expect(names(steps).slice(0, 6)).toEqual(['key', 'scope', 'scope', 'scope!', 'impersonation', 'space']);
    expect(failure(steps)?.message).toContain('503');
    expect(names(steps)).not.toContain('directory');
  });

  it('says that Google is away where it is', async () => {
    await google().control.plantFault({ drop: true });
    const steps = await check();
    expect(names(steps)).toEqual(['key', 'impersonation!']);
    expect(steps.at(-1)?.message).toContain('cannot reach Google');
  });
});
