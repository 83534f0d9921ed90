import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { raisePlan } from '../db/change-class.ts';
import { type ClassRef, type Database, databaseUnavailable, inTenant } from '../db/client.ts';
import { type Report, showProgress } from '../local/progress.ts';
import { loggable } from '../loggable.ts';
import { calculateOne } from './calculate-one.ts';
import { openTheDatabase } from './open-database.ts';
import { printable } from './printable.ts';
import { type Replayed, replayFile } from './replay-file.ts';
import { schoolName } from './school.ts';
import type { Shell } from './shell.ts';
import { whichTenant } from './which-tenant.ts';

export function addReplayWebhooks(program: Command, shell: Shell): void {
  program
    .command('replay-webhooks')
    .description(
      'store the deliveries of LiveKit in a saved log, one JSON object a line; what is there already is not stored again',
    )
    .argument(
      '<file>',
      'its lines are bodies of webhooks, or {"body": "…"} or {"raw": "…"} with one as text, as GET /api/set-aside gives it',
    )
    .option(
      '--tenant <tenant>',
      'the school whose they are, such as those of its own LiveKit; without it the room alone says so',
      schoolName,
    )
    .option('--json', 'print the result as JSON')
    .action((file: string, options: Options) => replay(shell, file, options));
}

interface Options {
  tenant?: string;
  json?: boolean;
}

async function replay(shell: Shell, file: string, options: Options): Promise<void> {
  const bytes = await sizeOf(file);
  const db = openTheDatabase(shell.env);
  const report = showProgress(shell.stderr);
  let replayed: Replayed;
  try {
    const tenant = options.tenant === undefined ? null : await whichTenant(db, { tenant: options.tenant });
    const step = `Replaying ${file}`;
    report({ kind: 'begin', step });
    replayed = await replayFile(db, file, {
      tenant,
      onWrong: (line, reason) => report({ kind: 'notice', text: printable(`line ${line}: ${reason}`) }),
      onStored: ({ lines, bytes: read }) =>
        report({ kind: 'advance', step, detail: `${lines} lines, ${Math.floor((read / bytes) * 100)} %` }),
    });
    report({ kind: 'end', step, detail: `${replayed.lines} lines` });
    const calculated = await calculateSettled(db, replayed, report);
    await ringWaiting(db, replayed);
    shell.stdout.write(
      options.json ? `${JSON.stringify(inJson(replayed, calculated))}\n` : inWords(replayed, calculated),
    );
  } finally {
    await db.close();
  }
  const { wrong, lines, named } = replayed;
  if (wrong > 0) {
    const more = wrong > named.length ? ' and more' : '';
    throw new Error(
      `${wrong} of ${lines} lines were not stored: ${named.map(({ line }) => line).join(', ')}${more}.`,
    );
  }
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${file} cannot be read (${error.code}): expected a file with one JSON object a line.`);
  });
  if (found.isDirectory())
    throw new Error(`${file} is a directory: expected a file with one JSON object a line.`);
  return found.size;
}

interface CalculatedAgain {
  ref: ClassRef;
  /** Null: it could not be; the server tries again. */
  version: number | null;
}

/** Evidence that came after the settling makes a new version (product §3). */
async function calculateSettled(
  db: Database,
  { late }: Replayed,
  report: Report,
): Promise<CalculatedAgain[]> {
  const calculated: CalculatedAgain[] = [];
  for (const ref of late.settled.values()) {
    try {
      const result = await calculateOne(db, ref, { force: false, nowMs: Date.now() });
      calculated.push({ ref, version: result.kind === 'refused' ? null : result.versionAfter });
    } catch (error) {
      if (databaseUnavailable(error) !== null) throw error;
      report({ kind: 'notice', text: `class ${ref.classId}: ${loggable(error).message}` });
      calculated.push({ ref, version: null });
    }
  }
  return calculated;
}

/** Classes that wait for evidence: the server rings for a plan that has changed. */
async function ringWaiting(db: Database, { late }: Replayed): Promise<void> {
  for (const ref of late.waiting.values()) await inTenant(db, ref.tenantId, (tx) => raisePlan(tx, ref));
}

function inJson(replayed: Replayed, calculated: readonly CalculatedAgain[]) {
  const { lines, accepted, duplicate, setAside, unusable, wrong, named, late } = replayed;
  return {
    ...{ lines, accepted, duplicate, set_aside: setAside, unusable, wrong },
    wrong_lines: named,
    calculated: calculated.map(({ ref, version }) => ({
      tenant: ref.tenantId,
      class_id: ref.classId,
      version,
    })),
    rung: [...late.waiting.values()].map(({ tenantId, classId }) => ({
      tenant: tenantId,
      class_id: classId,
    })),
  };
}

function inWords(replayed: Replayed, calculated: readonly CalculatedAgain[]): string {
  const { lines, accepted, duplicate, setAside, unusable, wrong, late } = replayed;
  return `${[
    `${lines} lines: ${accepted} accepted, ${duplicate} duplicate, ${setAside} set aside, ${unusable} unusable, ${wrong} not stored.`,
    ...calculated.map(
      ({ ref, version }) =>
        `Class ${ref.classId} of ${ref.tenantId} was settled: ${version === null ? 'it could not be calculated, the server tries again' : `now version ${version}`}.`,
    ),
    ...[...late.waiting.values()].map(
      ({ tenantId, classId }) => `Class ${classId} of ${tenantId} waits for evidence, and is told of this.`,
    ),
  ].join('\n')}\n`;
}
