import { expect, onTestFinished, test, vi } from 'vitest';
import { plainReport, showProgress } from './progress.ts';

const ERASE = '\r\u001b[2K';
const step = 'Getting the Temporal CLI';

function plain() {
  let nowMs = 0;
  const lines: string[] = [];
  const report = plainReport({ write: (text) => lines.push(text) }, () => nowMs);
  return {
    lines,
    report,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('a log gets the beginning with where it is kept, a sign of life every 10 s, and the time it took', () => {
  const { lines, report, pass } = plain();
  report({ kind: 'begin', step, detail: 'once, kept in /cache' });
  for (let second = 1; second <= 75; second++) {
    pass(1_000);
    report({ kind: 'advance', step, detail: `package ${second}` });
  }
  report({ kind: 'end', step });
  expect(lines).toHaveLength(1 + 7 + 1);
  expect(lines[0]).toBe('Getting the Temporal CLI, once, kept in /cache …\n');
  expect(lines[6]).toBe('Getting the Temporal CLI: package 60 (1 min 0 s)\n');
  expect(lines.at(-1)).toBe('Getting the Temporal CLI: done in 1 min 15 s\n');
});

test('a failure says after how long, and why', () => {
  const { lines, report, pass } = plain();
  report({ kind: 'begin', step });
  pass(3_000);
  report({ kind: 'failed', step, detail: 'no source worked' });
  expect(lines.at(-1)).toBe('Getting the Temporal CLI: failed after 3 s: no source worked\n');
});

test('the colours of a tool do not get through', () => {
  const { lines, report, pass } = plain();
  report({ kind: 'begin', step });
  pass(10_000);
  report({ kind: 'advance', step, detail: '\u001b[31mred\u001b[0m\u001b[2J' });
  expect(lines.at(-1)).toContain(': red (');
});

test('a terminal has one line that changes, cut to its width, and erased at the end', () => {
  vi.useFakeTimers();
  vi.stubEnv('CI', undefined);
  onTestFinished(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
  });
  const writes: string[] = [];
  const report = showProgress({ isTTY: true, columns: 40, write: (text) => writes.push(text) });
  report({ kind: 'begin', step });
  report({ kind: 'advance', step, detail: 'a package with a very long name indeed' });
  vi.advanceTimersByTime(2_000);
  const drawn = writes.slice(1);
  expect(drawn.length).toBeGreaterThan(5);
  for (const line of drawn) {
    expect(line.startsWith(ERASE)).toBe(true);
    expect(line.length - ERASE.length).toBeLessThan(40);
  }
  expect(drawn.at(-1)).toContain('2 s, a pack');
  writes.length = 0;
  report({ kind: 'end', step });
  vi.advanceTimersByTime(2_000);
  expect(writes).toEqual([ERASE, 'Getting the Temporal CLI: done in 2 s\n']);
});
