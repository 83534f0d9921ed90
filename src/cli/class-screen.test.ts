import { expect, test } from 'vitest';
import { classScreen, type Screen } from './class-screen.ts';
import { type Terminal, takeTerminal } from './terminal.ts';

const AT = '2026-03-02T09:00:00.000Z';

/** A class with so many of everything. */
function screenOf(count: { people: number; connections: number; sweeps: number; events: number }): Screen {
  const several = <T>(length: number, make: (n: number) => T): T[] =>
    Array.from({ length }, (_, n) => make(n));
  return {
    tenant: 'school',
    at: AT,
    class: {
      ...{
        class_id: 'c',
        subject: 'Algebra',
        session_type: 'academic',
        status: 'active',
        provider: 'livekit',
      },
      ...{
        start_time: AT,
        end_time: AT,
        window_end: AT,
        policy: { name: 'itqan', preset: 'itqan', version: 0 },
      },
      ...{
        room_name: 'room',
        meeting_uri: null,
        occupied: true,
        opened_at: AT,
        ended_at: null,
        closed_at: null,
      },
      ...{ settled_at: null, cancelled_at: null, cancel_reason: null, attempts: 0, evidence_pending: false },
      ...{ capture_problem: null, is_complete: false, missing: [] },
    },
    calculation: null,
    people: several(count.people, (n) => ({
      ...{ who: `student-${n}@school.example`, role: 'student', status: 'present', suggested: null },
      ...{ source: 'calculated', calculated_status: 'present' },
      ...{ duration_minutes: 40, attendance_percentage: 100, first_join: AT, last_leave: AT, flags: [] },
      explanation: `The lesson on 2026-03-02 was from 09:00:00 to 09:40:00 UTC (40 min). ${'Connected. '.repeat(40)}`,
    })),
    connections: several(count.connections, (n) => ({
      ...{
        source: 'livekit',
        who: `c${n}`,
        begin: AT,
        end: AT,
        mark: 'told',
        removed: false,
        only_listed: false,
      },
    })),
    sweeps: several(count.sweeps, () => ({
      ...{
        at: AT,
        source: 'livekit',
        ok: true,
        scope: 'present',
        room_existed: true,
        listed: 3,
        error: null,
      },
    })),
    events: several(count.events, (n) => ({
      ...{
        at: AT,
        source: 'livekit',
        kind: 'joined',
        who: `e${n}`,
        connection: 'PA',
        room: 'RM',
        reason: null,
      },
    })),
    workflow: { state: 'none' },
  };
}

test.each([
  [24, 80],
  [50, 200],
  [10, 40],
  [3, 5],
  [1, 1],
])('as much as a terminal of %i rows and %i columns holds, and a line for the cursor', (rows, columns) => {
  const lines = classScreen(screenOf({ people: 31, connections: 100, sweeps: 21, events: 300 }), {
    rows,
    columns,
  });
  expect(lines.length).toBe(rows - 1);
  for (const line of lines) expect([...line].length).toBeLessThanOrEqual(columns);
});

test('what is short is shown whole, and of what is long the people first and the latest events', () => {
  const screen = screenOf({ people: 3, connections: 2, sweeps: 40, events: 60 });
  const text = classScreen(screen, { rows: 30, columns: 200 }).join('\n');
  expect(text).toContain('Presence as it is now, not calculated yet\n  student-0@school.example');
  expect(text).toContain('\nWhy\n  student-0@school.example  Connected. Connected.');
  expect(text).toContain('\nConnections: 2\n');
  expect(text).toMatch(/\nSweeps: 40 \(last \d+ of 40\)\n/);
  expect(text).toMatch(/\nEvents: 60 \(last \d+ of 60\)\n/);
  expect(text.endsWith('e59  PA')).toBe(true);
});

test('without a terminal nothing is cut', () => {
  const lines = classScreen(screenOf({ people: 31, connections: 100, sweeps: 21, events: 300 }), null);
  expect(lines.length).toBe(4 + 5 + 31 + 31 + 100 + 21 + 300);
});

test('a terminal is drawn over from its corner, and is left as it was', () => {
  let written = '';
  const output = {
    ...{ rows: 0, columns: 0 },
    write(text: string) {
      written += text;
    },
  };
  const terminal: Terminal = takeTerminal(output);
  written = '';
  terminal.draw(({ rows, columns }) => [`${rows}`, `${columns}`]);
  expect(written).toBe('\u001b[H24\u001b[K\n80\u001b[K\n\u001b[J');
  terminal.release();
  expect(written).toContain('\u001b[?7h\u001b[?25h');
});
