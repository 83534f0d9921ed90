import { expect, test } from 'vitest';
import {
  identityOf,
  type Order,
  orderLine,
  parseOrder,
  parseReport,
  type Report,
  reportLine,
} from './participant-lines.ts';

test.each<Order>([
  { kind: 'join', token: 'aaa.bbb.ccc' },
  { kind: 'leave', identity: 'omar e hijo' },
  { kind: 'leave', identity: undefined },
])('an order arrives as it was given: %o', (order) => {
  expect(parseOrder(orderLine(order))).toEqual(order);
});

test.each(['', 'join', 'stay', 'leaves'])(
  'what is no order is refused with what would be one: %j',
  (line) => {
    expect(() => parseOrder(line)).toThrow('neither "join TOKEN" nor "leave"');
  },
);

test.each<Report>([
  { kind: 'joined', sid: 'PA_1', identity: 'ana' },
  { kind: 'left', identity: 'omar\ne hijo' },
  { kind: 'disconnected', identity: 'ana', reason: 'DUPLICATE_IDENTITY' },
  { kind: 'failed', identity: 'ana', reason: 'engine: "401"\nno' },
])('a report is one line and arrives as it was given: %o', (report) => {
  expect(reportLine(report)).not.toContain('\n');
  expect(parseReport(reportLine(report))).toEqual(report);
});

test('what the library writes is no report', () => {
  expect(parseReport('{"level":20,"name":"lk-rtc","msg":"joined {}"}')).toBeUndefined();
});

test('a token without an identity lets nobody in', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = (claims: object) => `${part({ alg: 'HS256' })}.${part(claims)}.x`;
  expect(identityOf(token({ sub: 'ana' }))).toBe('ana');
  expect(() => identityOf(token({}))).toThrow('lets nobody in');
});
