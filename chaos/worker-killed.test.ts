import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { STUDENT, startTestRollcall, TEACHER, type TestRollcall } from './test-rollcall.ts';

let rollcall: TestRollcall;
beforeAll(async () => {
  rollcall = await startTestRollcall();
});
afterAll(async () => {
  await rollcall?.stop();
});

test('smoke', async () => {
  const start = Date.now() + 3000;
  const a = await rollcall.call<{ class_id: string }>('POST', '/api/schedule/class', { teacher_email: TEACHER, student_emails: [STUDENT], subject: 'x', start_time: new Date(start).toISOString(), duration_seconds: 12 });
  expect(a.status).toBe(201);
  const t0 = Date.now();
  let last = '';
  while (Date.now() - t0 < 30000) { const b = await rollcall.call<any>('GET', `/api/classes/${a.body.class_id}`); if (b.body.status !== last) { last = b.body.status; console.log(Date.now() - start, last, b.body.missing, b.body.capture_problem); } if (last === 'incomplete') break; await sleep(200); }
});
