/** One class on one screen: lines that are cut to the terminal, so that nothing scrolls away. */
import { clock } from '../attendance/words.ts';
import type { ClassLook } from './class-look.ts';
import { printable } from './printable.ts';
import type { WorkflowState } from './workflow-state.ts';

export type Screen = ClassLook & { workflow: WorkflowState };

/** Of a terminal. */
export interface Size {
  rows: number;
  columns: number;
}

interface Section {
  title: string;
  lines: string[];
  /** Where there is no room for all: who is who at the top, what happened last at the bottom. */
  keep: 'first' | 'last';
}

/** @param size null: everything, however long */
export function classScreen(screen: Screen, size: Size | null): string[] {
  const head = headLines(screen).map(printable);
  const sections = sectionsOf(screen).filter(({ lines }) => lines.length > 0);
  // One line is left for the cursor.
  const rows = size === null ? Number.POSITIVE_INFINITY : size.rows - 1;
  const most = fairShare(
    sections.map(({ lines }) => lines.length),
    rows - head.length - sections.length,
  );
  const lines = [...head, ...sections.flatMap((section) => cutTo(section, most))];
  return size === null ? lines : lines.slice(0, Math.max(0, rows)).map((line) => cutLine(line, size.columns));
}

/** How many lines each may have so that all together have at most `room`: the short ones leave theirs to the long ones. */
function fairShare(lengths: readonly number[], room: number): number {
  const longest = Math.max(0, ...lengths);
  for (let most = longest; most > 0; most--) {
    if (lengths.reduce((sum, length) => sum + Math.min(length, most), 0) <= room) return most;
  }
  return 0;
}

function cutTo({ title, lines, keep }: Section, most: number): string[] {
  if (lines.length <= most) return [title, ...lines];
  const kept = keep === 'first' ? lines.slice(0, most) : lines.slice(lines.length - most);
  return [`${title} (the ${keep} ${most} of ${lines.length})`, ...kept];
}

const cutLine = (line: string, columns: number): string => {
  const letters = [...line];
  return letters.length <= columns ? line : `${letters.slice(0, Math.max(0, columns - 1)).join('')}…`;
};

function headLines(screen: Screen): string[] {
  const { class: lesson, tenant, at, workflow } = screen;
  const time = timeOn(lesson.start_time);
  const { name, preset, version } = lesson.policy;
  const edges = [
    ['opened', lesson.opened_at],
    ['ended', lesson.ended_at],
    ['closed', lesson.closed_at],
    ['settled', lesson.settled_at],
    ['cancelled', lesson.cancelled_at],
  ].flatMap(([what, when]) => (when ? [`${what} ${time(when)}`] : []));
  const overrun = lesson.window_end === lesson.end_time ? '' : ` (counts until ${time(lesson.window_end)})`;
  return [
    `Class ${lesson.class_id} of ${tenant}: ${lesson.subject}, ${lesson.session_type}, at ${dateAndTime(at)}`,
    `  ${lesson.status.toUpperCase()}  ${lesson.start_time.slice(0, 10)} ${time(lesson.start_time)}–${time(lesson.end_time)}${overrun}  policy ${name} (${preset}, version ${version})  ${edges.join(', ') || 'not opened yet'}`,
    `  ${lesson.provider} ${lesson.room_name ?? lesson.meeting_uri ?? '(no room yet)'}${lesson.provider === 'livekit' ? `, ${lesson.occupied ? 'occupied' : 'empty'} by the log` : ''}`,
    ...(lesson.capture_problem
      ? [
          `  PROBLEM ${lesson.capture_problem.code} since ${time(lesson.capture_problem.since)}: ${lesson.capture_problem.message}`,
        ]
      : []),
    ...lesson.missing.map(({ code, message }) => `  missing ${code}: ${message}`),
    ...(lesson.evidence_pending ? ['  evidence came that no calculation has seen yet'] : []),
    `Workflow: ${workflowWords(workflow, time)}`,
  ];
}

function workflowWords(workflow: WorkflowState, time: (at: string) => string): string {
  switch (workflow.state) {
    case 'answers': {
      const { phase, doing, next_at: next, polls, attempts, bells, present } = workflow.status;
      const problem = workflow.status.capture_problem;
      return [
        `${phase}, ${doing}`,
        ...(next === null ? [] : [`next at ${time(next)}`]),
        `polls ${polls}, attempts ${attempts}, bells ${bells}`,
        ...(present === null ? [] : [`${present} in the call`]),
        ...(problem === null ? [] : [`last fetch failed: ${problem}`]),
        ...(workflow.status.missing.length === 0 ? [] : [`missing ${workflow.status.missing.join(', ')}`]),
      ].join('; ');
    }
    case 'silent':
      return `${workflow.run}${workflow.reason === null ? '' : `, but ${workflow.reason}`}`;
    case 'none':
      return 'Temporal has none: it was not started yet, or ended long ago';
    case 'unreachable':
      return `cannot be asked: ${workflow.reason}`;
    default:
      return workflow satisfies never;
  }
}

function peopleLines({ people }: Screen, time: (at: string) => string): string[] {
  return columns(
    people.map((one) => [
      one.who,
      one.role,
      one.status === 'pending' && one.suggested !== null ? `pending (${one.suggested})` : one.status,
      `${one.duration_minutes.toFixed(2)} min`,
      `${one.attendance_percentage.toFixed(2)} %`,
      one.first_join === null
        ? '-'
        : `${time(one.first_join)}–${one.last_leave === null ? 'now' : time(one.last_leave)}`,
      one.flags.join(' ') || '-',
      // Its first sentence says of the lesson what is written above.
      one.explanation.replace(/^The lesson on .*? UTC \([^)]*\)\. /, ''),
    ]),
  );
}

function sectionsOf(screen: Screen): Section[] {
  const time = timeOn(screen.class.start_time);
  const { calculation } = screen;
  return [
    {
      title: `Presence${calculation ? ` by calculation ${calculation.version} of ${dateAndTime(calculation.calculated_at)}` : ' as it is now, not calculated yet'}`,
      keep: 'first',
      lines: peopleLines(screen, time),
    },
    {
      title: `Connections: ${screen.connections.length}`,
      keep: 'last',
      lines: columns(
        screen.connections.map((one) => [
          `${one.begin === null ? '?' : time(one.begin)}–${one.end === null ? 'now' : time(one.end)}`,
          one.source,
          one.who,
          one.mark,
          [one.removed ? 'removed' : '', one.only_listed ? 'only listed' : ''].filter(Boolean).join(', '),
        ]),
      ),
    },
    {
      title: `Sweeps: ${screen.sweeps.length}`,
      keep: 'last',
      lines: columns(
        screen.sweeps.map((one) => [
          time(one.at),
          one.source,
          one.ok ? 'ok' : 'FAILED',
          one.ok ? `${one.listed} listed${one.room_existed === false ? ', no room' : ''}` : (one.error ?? ''),
        ]),
      ),
    },
    {
      title: `Events: ${screen.events.length}`,
      keep: 'last',
      lines: columns(
        screen.events.map((one) => [
          time(one.at),
          one.source,
          one.kind,
          one.who ?? '-',
          one.connection ?? one.room ?? '-',
          one.reason ?? '',
        ]),
      ),
    },
  ];
}

const dateAndTime = (at: string): string => `${at.slice(0, 19).replace('T', ' ')} UTC`;

/** Times of the day of the class need no date. */
function timeOn(start: string): (at: string) => string {
  const dayOfMs = Date.parse(start);
  return (at) => clock(Date.parse(at), dayOfMs);
}

/** Cells under each other, indented; the last of a row is as long as it is. */
function columns(rows: readonly string[][]): string[] {
  const cells = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  const last = widths.length - 1;
  return cells.map((row) => {
    const padded = row.map((cell, index) => (index === last ? cell : cell.padEnd(widths[index] ?? 0)));
    return `  ${padded.join('  ')}`.trimEnd();
  });
}
