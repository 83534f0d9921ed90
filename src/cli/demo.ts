/** The main job in a minute and a half, on real components: what an LMS, a teacher's class and an admin would do. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { showProgress } from '../local/progress.ts';
import { type LocalRollcall, startLocalRollcall } from '../local/rollcall.ts';
import { stopSignals } from '../local/stop-signals.ts';
import { createMeetSimulatorControl } from '../simulators/meet/control-client.ts';
import { type Api, type Attendance, createApi, type ScheduledClass } from './demo-api.ts';
import {
  EXPECTED,
  GUEST,
  LENGTH,
  makeMeetLate,
  POLICY,
  STUDENTS,
  scriptConference,
  TEACHER,
} from './demo-class.ts';
import { attendLiveClass, LIVE_EXPECTED, scheduleLiveClass } from './demo-live-class.ts';
import { attendanceTable } from './demo-table.ts';
import { createWatcher } from './demo-watch.ts';
import type { Shell } from './shell.ts';

/** Seconds until the class starts: enough to make the space and to script who comes. */
const AHEAD = 6;
const SETTLES_WITHIN_MS = 80_000;

const TIMES = {
  ROLLCALL_OPEN_LEAD_SECONDS: '4',
  ROLLCALL_POLL_SECONDS: '4',
  ROLLCALL_VERIFY_SECONDS: '4',
  ROLLCALL_GRACE_SECONDS: '6',
  ROLLCALL_RETRY_SECONDS: '4',
  ROLLCALL_RETRY_FOR_SECONDS: '600',
  LOG_LEVEL: 'warn',
};

export function addDemo(program: Command, shell: Shell): void {
  program
    .command('demo')
    .description('run a forty-second class with a teacher, five students and a guest, on real components')
    .option('--keep', 'leave it all running afterwards and print the addresses')
    .option('--json', 'print the attendance as JSON at the end')
    .action((options: Options) => demo(shell, options));
}

interface Options {
  keep?: boolean;
  json?: boolean;
}

async function demo(shell: Shell, options: Options): Promise<void> {
  const signal = stopSignals();
  const say = (text: string): void => void shell.stderr.write(`${text}\n`);
  say(
    'Real here: PostgreSQL, Temporal, LiveKit with the people in its room, the server and the worker. Simulated: Google (Meet and its directory), over HTTP.',
  );
  const given = shell.env.ROLLCALL_DATA_DIR;
  const dataDir = given || (await mkdtemp(join(tmpdir(), 'rollcall-demo-')));
  let running: LocalRollcall | undefined;
  try {
    // Google is always played here, even where a real account is configured.
    const env = { ...TIMES, GOOGLE_SERVICE_ACCOUNT_KEY: '', LIVEKIT_URL: '' };
    const write = (line: string): void => void shell.stderr.write(`${line}\n`);
    running = await startLocalRollcall({
      dataDir,
      report: showProgress(shell.stderr),
      env,
      write,
      signal,
      livekit: true,
    });
    const sinceMs = Date.now();
    const { meet, live } = await Promise.race([runClasses(running, say, signal), failure(running)]);
    shell.stdout.write(
      options.json
        ? `${JSON.stringify({ meet, livekit: live })}\n`
        : `\nAlgebra, on Google Meet:\n${attendanceTable(meet)}\n\nRecitation, on LiveKit:\n${attendanceTable(live)}\n`,
    );
    check(meet, EXPECTED);
    check(live, LIVE_EXPECTED);
    say(`Everybody came out as scripted, ${Math.round((Date.now() - sinceMs) / 1_000)} s after set-up.`);
    if (options.keep) await keep(running, say, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    shell.exitCode = 130;
  } finally {
    await running?.stop();
    if (!given) await rm(dataDir, { recursive: true, force: true });
  }
}

/** Two classes at the same hour: one on Meet, which is fetched, and one on LiveKit, which tells. */
async function runClasses(
  running: LocalRollcall,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<{ meet: Attendance; live: Attendance }> {
  const api = await createApi(running);
  await api.send('POST', '/api/policies', POLICY);
  const startMs = Math.ceil(Date.now() / 1_000 + AHEAD) * 1_000;
  const live = await scheduleLiveClass(api, startMs);
  const [meetAttendance] = await Promise.all([
    runMeetClass(running, api, startMs, say, signal),
    attendLiveClass(running, live.class_id, startMs, signal),
  ]);
  return { meet: meetAttendance, live: await untilSettled(api, live, signal) };
}

async function untilSettled(
  api: Api,
  { class_id: id }: ScheduledClass,
  signal: AbortSignal,
): Promise<Attendance> {
  const deadline = Date.now() + SETTLES_WITHIN_MS;
  while (Date.now() < deadline) {
    const attendance = await api.get<Attendance>(`/api/classes/${id}/attendance`);
    if (attendance.status === 'completed' || attendance.status === 'incomplete') return attendance;
    await sleep(500, undefined, { signal });
  }
  throw new Error(`the class on LiveKit was not settled within ${SETTLES_WITHIN_MS / 1_000} s.`);
}

async function runMeetClass(
  running: LocalRollcall,
  api: Api,
  startMs: number,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<Attendance> {
  const scheduled = await api.send<ScheduledClass>('POST', '/api/schedule/class', {
    teacher_email: TEACHER,
    student_emails: Object.values(STUDENTS),
    subject: 'Algebra',
    start_time: new Date(startMs).toISOString(),
    duration_seconds: LENGTH,
    policy: POLICY.name,
    external_id: `demo-${startMs}`,
  });
  say(
    `Scheduled class ${scheduled.class_id}, ${LENGTH} s from ${scheduled.start_time}, by POST /api/schedule/class.`,
  );
  const space = await spaceOf(api, scheduled.class_id, signal);
  say(`Google gave the space ${space}. Who will come, as the simulator was told:`);
  for (const [email, { what }] of Object.entries(EXPECTED)) say(`  ${email.padEnd(22)} ${what}`);
  say(`  ${GUEST}`);
  say('Beside it, at the same hour, a class on LiveKit, whose people are processes that join the room:');
  for (const [email, { what }] of Object.entries(LIVE_EXPECTED)) say(`  ${email.padEnd(22)} ${what}`);
  say('');
  const control = createMeetSimulatorControl(running.simulatorUrl ?? '');
  await scriptConference(control, space, startMs);
  const late = sleep(startMs + (LENGTH - 1) * 1_000 - Date.now(), undefined, { signal }).then(async () => {
    await makeMeetLate(control);
    say('Meet is made to answer late from here on: for a while it shows no conference at all.');
  });
  const [attendance] = await Promise.all([watchUntilSettled(running, api, scheduled, say, signal), late]);
  return attendance;
}

async function spaceOf(api: Api, classId: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    const { meeting_uri: uri } = await api.get<{ meeting_uri?: string }>(`/api/classes/${classId}`);
    if (uri) return uri.slice(uri.lastIndexOf('/') + 1);
    await sleep(100, undefined, { signal });
  }
}

/** Shows the class as it goes; the guest is dismissed as soon as nothing else is in the way. */
async function watchUntilSettled(
  running: LocalRollcall,
  api: Api,
  { class_id: classId }: ScheduledClass,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<Attendance> {
  const watcher = await createWatcher(running, api, classId, say);
  const deadline = Date.now() + SETTLES_WITHIN_MS;
  let dismissed = false;
  try {
    while (Date.now() < deadline) {
      const { status, attendance } = await watcher.look();
      if (status === 'completed' || status === 'incomplete') return attendance;
      const unsure = attendance.records.filter((record) => record.status === 'unknown');
      if (!dismissed && attendance.is_complete && unsure.length > 0) {
        say(`\nFirst result: ${unsure.map((record) => `${record.email} is unknown`).join(', ')}.`);
        for (const record of unsure) say(`  ${record.explanation}`);
        await dismissGuest(api, say);
        dismissed = true;
      }
      await sleep(500, undefined, { signal });
    }
  } finally {
    await watcher.close();
  }
  throw new Error(`the class was not settled within ${SETTLES_WITHIN_MS / 1_000} s.`);
}

async function dismissGuest(api: Api, say: (text: string) => void): Promise<void> {
  const queue = await api.get<{ items: { id: string; display_name: string }[] }>(
    '/api/identities?state=unmatched',
  );
  for (const { id, display_name: name } of queue.items) {
    await api.send('POST', `/api/identities/${id}/dismiss`);
    say(`An admin dismisses "${name}" from the review queue: not one of ours.\n`);
  }
}

function check({ records }: Attendance, expected: typeof EXPECTED): void {
  const wrong = records.filter(({ email, status }) => expected[email]?.status !== status);
  if (wrong.length === 0 && records.length === Object.keys(expected).length) return;
  const lines = wrong.map(
    ({ email, status }) => `${email} is ${status}, not ${expected[email]?.status ?? 'expected'}`,
  );
  throw new Error(`the attendance is not what was scripted: ${lines.join('; ')}`);
}

async function keep(running: LocalRollcall, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  say(`\nStill running, until Ctrl-C:
  API            ${running.apiUrl}
  documentation  ${running.apiUrl}/docs
  Temporal UI    ${running.temporalUiUrl ?? '-'}`);
  if (signal.aborted) return;
  const ended = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await Promise.race([ended, failure(running)]);
}

async function failure(running: LocalRollcall): Promise<never> {
  const { name, how } = await running.failed;
  throw new Error(`${name} ended with ${how}.`);
}
