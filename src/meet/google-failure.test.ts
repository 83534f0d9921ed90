import { describe, expect, it } from 'vitest';
import { readFailure } from './google-failure.ts';

describe('what a client library threw', () => {
  it('may carry headers of a class of its own', () => {
    const headers = { get: (name: string) => (name === 'retry-after' ? '7' : null) };
    const error = Object.assign(new Error('refused'), { response: { status: 503, headers, data: {} } });
    expect(readFailure(error)).toMatchObject({ status: 503, retryAfter: '7', timedOut: false });
  });

  it.each([
    ['the built-in fetch', new DOMException('too late', 'TimeoutError')],
    ['node-fetch', Object.assign(new Error('aborted'), { name: 'AbortError' })],
    ['the network', Object.assign(new Error('too late'), { code: 'ETIMEDOUT' })],
  ])('is a timeout when %s says so, however deep', (_title, cause) => {
    const error = new Error('outer', { cause: new Error('inner', { cause }) });
    expect(readFailure(error).timedOut).toBe(true);
  });

  it('may be no error at all', () => {
    expect(readFailure('odd')).toMatchObject({ status: undefined, timedOut: false, message: 'odd' });
    expect(readFailure(undefined).message).toBe('undefined');
  });
});
