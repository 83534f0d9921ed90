/** What an operator sees of one class, as lines. */
import { clock } from '../attendance/words.ts';
import type { ClassLook } from './class-look.ts';
import { columns, fitScreen, type Section, type Size } from './fit-screen.ts';
import { printable } from './printable.ts';
import type { WorkflowState } from './workflow-state.ts';

export type Screen = ClassLook & { workflow: WorkflowState };

/** @param size null: everything, however long */
export function classScreen(screen: Screen, size: Size | null): string[] {
  return fitScreen(headLines(screen).map(printable), sectionsOf(screen), size);
}

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
      statusWords(one),
      `${one.duration_minutes.toFixed(2)} min`,
      `${one.attendance_percentage.toFixed(2)} %`,
      one.first_join === null
        ? '-'
        : `${time(one.first_join)}–${one.last_leave === null ? 'now' : time(one.last_leave)}`,
      one.flags.join(' '),
    ]),
  );
}

function statusWords({ status, source, calculated_status, suggested }: Screen['people'][number]): string {
  if (source === 'manual' || source === 'suggestion') return `${status} (marked; ${calculated_status})`;
  return status === 'pending' && suggested !== null ? `pending (${suggested})` : status;
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
      title: 'Why',
      keep: 'first',
      // The first sentence says of the lesson what is written above.
      lines: columns(
        screen.people.map(({ who, explanation }) => [
          who,
          explanation.replace(/^The lesson on .*? UTC \([^)]*\)\. /, ''),
        ]),
      ),
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
