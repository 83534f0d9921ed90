import { Validator } from '@seriousme/openapi-schema-validator';
import type { Express } from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Json, lesson, startTestApp, type TestApp } from './test-app.ts';

let app: TestApp;
let document: Json;
beforeAll(async () => {
  app = await startTestApp();
  document = (await app.call('GET', '/openapi.json', { token: null })).body;
});
afterAll(() => app.stop());

test('is a valid OpenAPI 3.1 document', async () => {
  const result = await new Validator().validate(structuredClone(document));
  expect(result.errors).toBeUndefined();
  expect(result.valid).toBe(true);
  expect(document.openapi).toBe('3.1.0');
});

test('describes every route that the server takes, and no other', async () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method} ${path}`),
  );
  const open = ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs'];
  // The pages are a router of their own, which Express does not list as a route.
  expect(described.sort()).toEqual(['get /docs', 'post /webhooks/livekit', ...routesOf(app.express)].sort());
  for (const path of open) {
    const { status } = await app.call('GET', path, { token: null });
    expect([path, status]).toEqual([path, 200]);
  }
});

/** What Express itself has mounted, apart from the answers to a wrong method, which take every method. */
function routesOf(server: Express): string[] {
  const stack = server.router.stack as unknown as {
    route?: { path: string; methods: Record<string, boolean> };
  }[];
  return stack
    .flatMap(({ route }) => (route === undefined ? [] : [route]))
    .filter(({ methods }) => Object.keys(methods).length === 1)
    .flatMap(({ path, methods }) =>
      Object.keys(methods).map((method) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`),
    );
}

test('requires what the server requires, and allows no other field', () => {
  const { schema } = document.paths['/api/schedule/class'].post.requestBody.content['application/json'];
  const body = document.components.schemas[schema.$ref.split('/').at(-1)];
  expect(body.required).toEqual(['teacher_email', 'student_emails', 'subject', 'start_time']);
  expect(body.additionalProperties).toBe(false);
  expect(body.properties.provider.enum).toEqual(['meet', 'livekit', 'whiteboard']);
});

test('tells of the tag that an answer gives and a change takes', () => {
  const { get, put } = document.paths['/api/tutor/sessions/{session_id}/attendance'];
  const names = ({ parameters = [] }: Json): string[] => parameters.map((one: Json) => one.name);
  expect(names(put)).toContain('If-Match');
  expect(names(get)).not.toContain('If-Match');
  expect([get, put].map((one) => Object.keys(one.responses['200'].headers))).toEqual([['ETag'], ['ETag']]);
  const refusals = (one: Json) => ['412', '428'].filter((status) => status in one.responses);
  expect([refusals(get), refusals(put)]).toEqual([[], ['412', '428']]);
  const schedule = document.paths['/api/schedule/class'].post;
  expect([refusals(schedule), names(schedule)]).toEqual([[], ['Idempotency-Key']]);
});

test('asks for a token everywhere but where none is needed', () => {
  expect(document.security).toEqual([{ bearer: [] }]);
  expect(document.paths['/healthz'].get.security).toEqual([]);
  expect(document.paths['/api/classes'].get.security).toBeUndefined();
});

test('its pages come whole from this server', async () => {
  const page = await app.call('GET', '/docs', { token: null });
  expect(page.status).toBe(200);
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toMatch(/https:|unsafe-eval|\*/);
  const files = [...String(page.body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '');
  expect(files).toHaveLength(4);
  for (const path of files) {
    expect([path, (await app.call('GET', path, { token: null })).status]).toEqual([path, 200]);
  }
  expect((await app.call('GET', '/docs/package.json', { token: null })).status).toBe(404);
});

test('metrics name routes, never tenants or people', async () => {
  await app.call('POST', '/api/schedule/class', { body: lesson() });
  await app.call('GET', '/api/classes?teacher=teacher@school.example');
  const { body } = await app.call('GET', '/metrics', { token: null });
  expect(body).toContain(
    'rollcall_http_request_seconds_count{method="POST",route="/api/schedule/class",status="201"} 1',
  );
  expect(body).toContain('route="/api/classes",status="200"');
  expect(body).not.toMatch(/school|@/);
});

test('readiness says what is missing', async () => {
  expect((await app.call('GET', '/readyz', { token: null })).body).toEqual({
    status: 'ready',
    database: 'up',
    temporal: 'up',
  });
  app.temporal.trouble = 'down';
  const { status, body } = await app.call('GET', '/readyz', { token: null });
  app.temporal.trouble = 'none';
  expect([status, body]).toEqual([503, { status: 'not_ready', database: 'up', temporal: 'down' }]);
});
