import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lesson, startTestApp, type TestApp } from './test-app.ts';

let app: TestApp;
const TABLES = [
  'classes',
  'sessions',
  'people',
  'class_roster',
  'events',
  'policies',
  'sources',
  'idempotency_keys',
];
beforeAll(async () => {
  app = await startTestApp();
  await app.call('GET', '/api/tenant');
});
afterAll(() => app.stop());

const stored = () => Promise.all(TABLES.map((table) => app.count(table)));

describe('a request to schedule', () => {
  const wrong: [string, unknown, string, string][] = [
    ['nothing', null, 'body', 'object'],
    ['a list', [], 'body', 'object'],
    ['a word', 'class', 'body', 'object'],
    ['no teacher', lesson({ teacher_email: undefined }), 'teacher_email', 'e-mail'],
    ['a number for a teacher', lesson({ teacher_email: 5 }), 'teacher_email', 'e-mail'],
    ['no address', lesson({ teacher_email: 'teacher' }), 'teacher_email', 'e-mail'],
    ['no students', lesson({ student_emails: [] }), 'student_emails', 'at least one'],
    ['no list of students', lesson({ student_emails: 'a@x.example' }), 'student_emails', 'array'],
    ['null among the students', lesson({ student_emails: [null] }), 'student_emails[0]', 'e-mail'],
    [
      'a student twice',
      lesson({ student_emails: ['a@x.example', 'A@X.example'] }),
      'student_emails[1]',
      'once',
    ],
    [
      'the teacher among the students',
      lesson({ student_emails: ['teacher@school.example'] }),
      'student_emails[0]',
      'teacher',
    ],
    [
      '501 students',
      lesson({ student_emails: Array.from({ length: 501 }, (_, n) => `s${n}@x.example`) }),
      'student_emails',
      '500',
    ],
    ['a local time', lesson({ start_time: '2026-09-07T09:00:00' }), 'start_time', 'offset'],
    ['a day that is not there', lesson({ start_time: '2026-02-30T09:00:00Z' }), 'start_time', 'ISO 8601'],
    ['a number for a time', lesson({ start_time: 1_788_771_600_000 }), 'start_time', 'ISO 8601'],
    ['a year before 2000', lesson({ start_time: '1999-12-31T23:59:59Z' }), 'start_time', '2000'],
    ['a year after 2100', lesson({ start_time: '2100-01-01T00:00:00Z' }), 'start_time', '2100'],
    ['no end', lesson({ duration_minutes: undefined }), 'duration_minutes', 'exactly one'],
    ['two ends', lesson({ duration_seconds: 60 }), 'duration_seconds', 'exactly one'],
    [
      'an end before the start',
      lesson({ duration_minutes: undefined, end_time: '2026-09-07T08:00:00Z' }),
      'end_time',
      'after',
    ],
    [
      'an end at the start',
      lesson({ duration_minutes: undefined, end_time: '2026-09-07T09:00:00Z' }),
      'end_time',
      'after',
    ],
    [
      'an end days later',
      lesson({ duration_minutes: undefined, end_time: '2026-09-09T09:00:00Z' }),
      'end_time',
      '24 hours',
    ],
    ['no length', lesson({ duration_minutes: 0 }), 'duration_minutes', 'from 1 to 1440'],
    ['a negative length', lesson({ duration_minutes: -40 }), 'duration_minutes', 'from 1 to 1440'],
    ['half a minute', lesson({ duration_minutes: 0.5 }), 'duration_minutes', 'whole'],
    [
      'a text for a length',
      lesson({ duration_minutes: '40' }),
      'duration_minutes',
      'whole number of minutes',
    ],
    ['a length beyond a day', lesson({ duration_minutes: 1_441 }), 'duration_minutes', 'from 1 to 1440'],
    ['a length beyond all', lesson({ duration_minutes: 1e308 }), 'duration_minutes', 'from 1 to 1440'],
    ['an empty subject', lesson({ subject: '   ' }), 'subject', '1 to 200'],
    ['an endless subject', lesson({ subject: 'x'.repeat(201) }), 'subject', '1 to 200'],
    ['NUL in the subject', lesson({ subject: 'Alge\0bra' }), 'subject', 'NUL'],
    ['a lone surrogate in the subject', lesson({ subject: 'Alge\ud800bra' }), 'subject', 'surrogate'],
    ['NUL in a name', lesson({ 'sub\0ject': 'x' }), 'sub\uFFFDject', 'NUL'],
    ['a lone surrogate in a name', lesson({ 'sub\udfffject': 'x' }), 'sub\uFFFDject', 'surrogate'],
    ['an unknown provider', lesson({ provider: 'zoom' }), 'provider', 'livekit'],
    [
      'a meeting code that is none',
      lesson({ meeting_code: 'https://meet.google.com/x' }),
      'meeting_code',
      'abc-mnop-xyz',
    ],
    [
      'a meeting code without Meet',
      lesson({ meeting_code: 'abc-mnop-xyz', provider: 'livekit' }),
      'meeting_code',
      'meet',
    ],
    ['an unknown policy', lesson({ policy: 'generous' }), 'policy', 'itqan'],
    ['an unknown zone', lesson({ time_zone: 'Mars/Olympus' }), 'time_zone', 'IANA'],
    ['an offset for a zone', lesson({ time_zone: '+02:00' }), 'time_zone', 'IANA'],
    ['a session type with spaces', lesson({ session_type: 'a b' }), 'session_type', 'a-z'],
    ['a poll of no time', lesson({ poll_seconds: 0 }), 'poll_seconds', 'from 1'],
    ['an unknown field', lesson({ student_email: 'a@x.example' }), 'student_email', 'student_emails'],
    [
      'an inherited field',
      JSON.parse('{"__proto__": {"subject": "x"}}'),
      '__proto__',
      'accepted are teacher_email',
    ],
    [
      'too deep a nesting',
      lesson({ subject: JSON.parse(`${'['.repeat(50)}${']'.repeat(50)}`) }),
      'subject',
      'deep',
    ],
  ];

  test.each(wrong)(
    'with %s is refused, names the field, and leaves nothing behind',
    async (_title, body, field, accepted) => {
      const before = await stored();
      const answer = await app.call('POST', '/api/schedule/class', { body });
      expect([answer.status, answer.body.type]).toEqual([
        422,
        'https://rollcall.dev/problems/invalid-request',
      ]);
      const named = answer.body.errors.find((one: { field: string }) => one.field.startsWith(field));
      expect(named?.message).toContain(accepted);
      expect(await stored()).toEqual(before);
    },
  );

  test('that is wrong in many ways is told all of them', async () => {
    const { body } = await app.call('POST', '/api/schedule/class', {
      body: { duration_minutes: 'x', colour: 'red' },
    });
    const fields = body.errors.map((one: { field: string }) => one.field).sort();
    expect(fields).toEqual([
      'colour',
      'duration_minutes',
      'start_time',
      'student_emails',
      'subject',
      'teacher_email',
    ]);
  });
});

describe('a body', () => {
  const path = '/api/schedule/class';
  const json = JSON.stringify(lesson());

  test.each([
    ['broken JSON', { raw: '{"subject": ' }, 400],
    ['nothing where JSON was announced', { raw: '', headers: { 'content-type': 'application/json' } }, 422],
    ['no body at all', {}, 422],
    ['another type', { raw: json, headers: { 'content-type': 'text/plain' } }, 415],
    ['a form', { raw: 'subject=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    ['an unknown compression', { raw: json, headers: { 'content-encoding': 'rot13' } }, 415],
    ['a compression that is none', { raw: json, headers: { 'content-encoding': 'gzip' } }, 400],
    [
      'an unknown charset',
      { raw: json, headers: { 'content-type': 'application/json; charset=klingon' } },
      415,
    ],
    ['bytes that are not UTF-8', { raw: new Uint8Array([0x22, 0xff, 0xfe, 0x22]) }, 400],
    ['more than 256 KiB', { raw: `"${'x'.repeat(256 * 1024)}"` }, 413],
    ['a hundred thousand brackets', { raw: '['.repeat(100_000) + ']'.repeat(100_000) }, 422],
  ])('with %s is refused', async (_title, sent, status) => {
    const before = await stored();
    const answer = await app.call('POST', path, sent);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await stored()).toEqual(before);
  });
});

test('a body that is broken is named, with what is accepted', async () => {
  for (const raw of ['{"subject": ', new Uint8Array([0x22, 0xff, 0x22])]) {
    const { status, body } = await app.call('POST', '/api/schedule/class', { raw });
    expect([status, body.errors]).toEqual([
      400,
      [{ field: 'body', message: expect.stringContaining('must be') }],
    ]);
  }
});

describe('a number in a query', () => {
  const attendance = '/api/classes/00000000-0000-4000-8000-000000000000/attendance';
  test.each(['0x1', '1e0', '1.0', '-1', '', '+1', '99999999999999999999', '1&version=2'])(
    'is a plain whole number, unlike version=%s',
    async (version) => {
      const { status, body } = await app.call('GET', `${attendance}?version=${version}`);
      expect([status, body.errors[0].field]).toEqual([422, 'version']);
      expect(body.errors[0].message).toContain('must be a whole number from 1');
    },
  );

  test('is described as a whole number', async () => {
    const { body } = await app.call('GET', '/openapi.json');
    const { parameters } = body.paths['/api/classes'].get;
    expect(parameters.find((one: { name: string }) => one.name === 'limit').schema).toEqual({
      type: 'integer',
      minimum: 1,
      maximum: 200,
      default: 50,
    });
  });
});

describe('a cursor', () => {
  test.each([
    ['/api/sources', ['sources', 'a\0']],
    ['/api/policies', ['policies', '\ud800', 1]],
    ['/api/policies', ['policies', 'a', 3e9]],
    ['/api/classes', ['classes', 8.64e15, '00000000-0000-4000-8000-000000000000']],
    ['/api/classes/00000000-0000-4000-8000-000000000000/events', ['events', '9999999999999999999']],
    ['/api/identities', ['identities', -1, 'x']],
    ['/monitoring/attendance-logs', ['logs', 1, '00000000-0000-4000-8000-000000000000', 'x']],
  ])('of %s that was made up is refused: %j', async (path, made) => {
    const cursor = Buffer.from(JSON.stringify(made)).toString('base64url');
    const { status, body } = await app.call('GET', `${path}?cursor=${cursor}`);
    expect([status, body.errors[0].field]).toEqual([422, 'cursor']);
  });
});

describe('what breaks here', () => {
  test('is a 500 that tells nothing, stores nothing, and leaves no person in the log', async () => {
    await app.owner`alter table class_roster rename to lost`;
    const answer = await app.call('POST', '/api/schedule/class', { body: lesson() });
    await app.owner`alter table lost rename to class_roster`;
    expect(answer).toMatchObject({
      status: 500,
      body: { type: 'https://rollcall.dev/problems/internal-error', detail: 'the failure was logged' },
    });
    expect([await app.count('classes'), await app.count('people')]).toEqual([0, 0]);
    const [failure] = app.logged.filter((one) => one.includes('request failed'));
    expect(failure).toContain('class_roster');
    expect(failure).toContain('42P01');
    expect(app.logged.join('')).not.toMatch(/@|Bearer|eyJ/);
  });
});

describe('a path', () => {
  test('that is not there is 404, and one that does not take the method 405 with those that it takes', async () => {
    expect((await app.call('GET', '/api/nothing')).body.type).toBe('https://rollcall.dev/problems/not-found');
    const { status, headers } = await app.call('DELETE', '/api/policies');
    expect([status, headers.get('allow')]).toEqual([405, 'GET, POST']);
  });

  test.each(['/api/classes/%ff', '/api/classes/%', '/api/classes/..%2f..%2fetc'])(
    '%s is never a 500',
    async (path) => {
      const status = await new Promise((resolve, reject) => {
        const sent = request(app.url + path, (res) => resolve(res.resume().statusCode));
        sent.on('error', reject).end();
      });
      expect([400, 401, 404]).toContain(status);
    },
  );

  test('answers carry a request id, the one that was sent if it is one', async () => {
    const sent = await app.call('GET', '/api/tenant', { headers: { 'x-request-id': 'from-the-client' } });
    expect(sent.headers.get('x-request-id')).toBe('from-the-client');
    const odd = await app.call('GET', '/api/tenant', { headers: { 'x-request-id': 'x y' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
