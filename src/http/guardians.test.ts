import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Json, lesson, startTestApp, type TestApp, token } from './test-app.ts';

let app: TestApp;
let amal: string;
let basil: string;
beforeAll(async () => {
  app = await startTestApp();
  const { body } = await app.call('POST', '/api/schedule/class', { body: lesson() });
  const { roster } = (await app.call('GET', `/api/classes/${body.class_id}`)).body;
  [amal, basil] = ['amal', 'basil'].map(
    (name) => roster.find((one: Json) => one.email === `${name}@school.example`).person_id,
  ) as [string, string];
});
afterAll(() => app.stop());
beforeEach(() => replace(amal, []));

const pathOf = (person: string): string => `/api/people/${person}/guardians`;
const read = (person: string) => app.call('GET', pathOf(person));
const replace = (person: string, emails: unknown) =>
  app.call('PUT', pathOf(person), { body: { guardian_emails: emails } });
const emailsOf = async (person: string): Promise<string[]> =>
  (await read(person)).body.guardians.map((one: Json) => one.email);

describe('the guardians of a person', () => {
  test('are nobody until somebody said who they are', async () => {
    const { status, body } = await read(amal);
    expect([status, body]).toEqual([200, { person_id: amal, guardians: [] }]);
  });

  test('are those that were said last, by e-mail; who is not known yet is created', async () => {
    const { status, body } = await replace(amal, ['Mother@home.example', 'father@home.example']);
    expect(status).toBe(200);
    expect(body).toEqual({
      person_id: amal,
      guardians: [
        { person_id: expect.any(String), email: 'father@home.example', name: 'father' },
        { person_id: expect.any(String), email: 'mother@home.example', name: 'mother' },
      ],
    });
    expect((await read(amal.toUpperCase())).body).toEqual(body);
    const [, mother] = body.guardians;
    const replaced = await replace(amal, ['aunt@home.example', 'mother@home.example']);
    expect(replaced.body.guardians).toEqual([expect.objectContaining({ name: 'aunt' }), mother]);
    expect((await replace(amal, [])).body.guardians).toEqual([]);
    expect(await read(amal)).toMatchObject({ body: { guardians: [] } });
  });

  test('are those of that person alone', async () => {
    await replace(amal, ['mother@home.example']);
    await replace(basil, ['mother@home.example', 'basils@home.example']);
    await replace(amal, ['father@home.example']);
    expect(await emailsOf(basil)).toEqual(['basils@home.example', 'mother@home.example']);
    expect(await emailsOf(amal)).toEqual(['father@home.example']);
  });

  test('are one whole list of several that come at once', async () => {
    const lists = Array.from({ length: 8 }, (_, n) => [`a${n}@home.example`, `b${n}@home.example`]);
    const answers = await Promise.all(lists.map((emails) => replace(amal, emails)));
    expect(answers.map(({ status }) => status)).toEqual(lists.map(() => 200));
    expect(lists).toContainEqual(await emailsOf(amal));
  });

  test('are replaced once under one Idempotency-Key', async () => {
    const keyed = () =>
      app.call('PUT', pathOf(amal), {
        body: { guardian_emails: ['mother@home.example'] },
        headers: { 'idempotency-key': 'guardians' },
      });
    const first = await keyed();
    await replace(amal, ['father@home.example']);
    const again = await keyed();
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(await emailsOf(amal)).toEqual(['father@home.example']);
  });
});

describe('a list of guardians', () => {
  const twenty = Array.from({ length: 20 }, (_, n) => `g${n}@home.example`);
  test.each<[string, unknown, string, string]>([
    ['nothing', null, 'body', 'object'],
    ['no list', {}, 'guardian_emails', 'list of e-mail addresses'],
    ['a word', { guardian_emails: 'mother@home.example' }, 'guardian_emails', 'list of e-mail addresses'],
    ['no address', { guardian_emails: ['mother'] }, 'guardian_emails[0]', 'e-mail'],
    ['a person id', { guardian_emails: [randomUUID()] }, 'guardian_emails[0]', 'e-mail'],
    ['null among them', { guardian_emails: ['m@home.example', null] }, 'guardian_emails[1]', 'e-mail'],
    [
      'somebody twice',
      { guardian_emails: ['m@home.example', 'M@Home.example'] },
      'guardian_emails[1]',
      'every guardian once',
    ],
    ['21 people', { guardian_emails: [...twenty, 'one@home.example'] }, 'guardian_emails', 'at most 20'],
    [
      'the person',
      { guardian_emails: ['m@home.example', 'Amal@school.example'] },
      'guardian_emails[1]',
      'somebody else',
    ],
    ['another field', { guardian_emails: [], guardians: [] }, 'guardians', 'accepted are guardian_emails'],
  ])('with %s is refused, names the field, and changes nothing', async (_title, body, field, accepted) => {
    await replace(amal, ['mother@home.example']);
    const people = await app.count('people');
    const answer = await app.call('PUT', pathOf(amal), { body });
    expect([answer.status, answer.body.errors[0].field]).toEqual([422, field]);
    expect(answer.body.errors[0].message).toContain(accepted);
    expect(await emailsOf(amal)).toEqual(['mother@home.example']);
    expect(await app.count('people')).toBe(people);
  });

  test('may name twenty', async () => {
    expect((await replace(amal, twenty)).body.guardians).toHaveLength(20);
  });
});

describe('the calls about guardians', () => {
  const both = (person: string, sent: { token?: string } = {}) =>
    Promise.all([
      app.call('GET', pathOf(person), sent),
      app.call('PUT', pathOf(person), { ...sent, body: { guardian_emails: ['thief@home.example'] } }),
    ]);

  test.each([
    ['admin', 200],
    ['service', 200],
    ['operator', 403],
    ['teacher', 403],
    ['student', 403],
    ['guardian', 403],
  ])('as %s answer %i', async (role, status) => {
    const answers = await both(basil, { token: await token({ role, sub: 'someone@school.example' }) });
    expect(answers.map((one) => one.status)).toEqual([status, status]);
  });

  test('know nobody who is not a person of the tenant', async () => {
    const other = { token: await token({ tenant: 'other' }) };
    for (const answers of [await both(amal, other), await both(randomUUID()), await both('amal')]) {
      expect(answers.map((one) => one.status)).toEqual([404, 404]);
    }
    expect(await app.owner`select 1 from people where tenant_id = 'other'`).toHaveLength(0);
    expect(await emailsOf(amal)).toEqual([]);
  });
});
