import { type Command, InvalidArgumentError } from 'commander';
import { DateTime } from 'luxon';
import { type Database, inTenant } from '../db/client.ts';
import { listTenants } from '../db/find-tenants.ts';
import { ANSWERS_KEPT_MS, countOlder, type Retention, removeAnswers } from '../db/retention.ts';
import { type Report, showProgress } from '../local/progress.ts';
import { openTheDatabase } from './open-database.ts';
import { schoolName } from './school.ts';
import type { Shell } from './shell.ts';
import { whichTenant } from './which-tenant.ts';

export function addClean(program: Command, shell: Shell): void {
  program
    .command('clean')
    .description('say what is old and may be removed, and what is proof and stays; with --force remove it')
    .requiredOption(
      '--before <date>',
      'YYYY-MM-DD (UTC) or an instant such as 2026-09-01T09:00:00Z',
      pastInstant,
    )
    .option('--force', 'remove it')
    .option(
      '--tenant <tenant>',
      'the school; needed when there are several that the login may not see',
      schoolName,
    )
    .option('--json', 'print the result as JSON')
    .action((options: Options) => clean(shell, options));
}

interface Options {
  before: number;
  force?: boolean;
  tenant?: string;
  json?: boolean;
}

/** A statement of a few milliseconds, so that nobody who uses a key waits. */
const AT_ONCE = 1_000;

function pastInstant(text: string): number {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const isInstant = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/.test(text);
  const instant = DateTime.fromISO(text, { zone: 'utc' });
  if (!(isDay || isInstant) || !instant.isValid) {
    throw new InvalidArgumentError(
      'expected a day as YYYY-MM-DD or an instant such as 2026-09-01T09:00:00Z.',
    );
  }
  if (instant.toMillis() > Date.now()) {
    throw new InvalidArgumentError('expected a date in the past: what is to come cannot be cleaned.');
  }
  return instant.toMillis();
}

interface Cleaned extends Retention {
  tenant: string;
}

async function clean(shell: Shell, { before, force = false, tenant, json }: Options): Promise<void> {
  const db = openTheDatabase(shell.env);
  try {
    const cleaned: Cleaned[] = [];
    for (const one of await whoseRows(db, tenant)) {
      cleaned.push(await cleanOne(db, one, { before, force }, showProgress(shell.stderr)));
    }
    shell.stdout.write(
      json ? `${JSON.stringify(inJson(before, force, cleaned))}\n` : inWords(before, force, cleaned),
    );
  } finally {
    await db.close();
  }
}

/** Every school where the login may see them, else the one that is meant. */
async function whoseRows(db: Database, tenant: string | undefined): Promise<string[]> {
  const all = tenant === undefined ? await listTenants(db) : [];
  return all.length > 0 ? all : [await whichTenant(db, { tenant })];
}

async function cleanOne(
  db: Database,
  tenant: string,
  { before: beforeMs, force }: { before: number; force: boolean },
  report: Report,
): Promise<Cleaned> {
  const answersBeforeMs = Math.min(beforeMs, Date.now() - ANSWERS_KEPT_MS);
  const found = await inTenant(db, tenant, (tx) => countOlder(tx, tenant, { beforeMs, answersBeforeMs }));
  if (!force) return { tenant, ...found };
  const step = `Removing answers of ${tenant}`;
  report({ kind: 'begin', step });
  let removed = 0;
  for (;;) {
    const part = await inTenant(db, tenant, (tx) =>
      removeAnswers(tx, tenant, { beforeMs: answersBeforeMs, most: AT_ONCE }),
    );
    removed += part;
    // What somebody holds just now is left for the next time.
    if (part === 0) break;
    report({ kind: 'advance', step, detail: `${removed} of ${found.removable.idempotency_keys}` });
  }
  report({ kind: 'end', step });
  return { tenant, kept: found.kept, removable: { idempotency_keys: removed } };
}

function inJson(beforeMs: number, force: boolean, cleaned: readonly Cleaned[]) {
  return {
    before: new Date(beforeMs).toISOString(),
    removed: force,
    tenants: cleaned.map(({ tenant, removable, kept }) => ({ tenant, removable, kept })),
  };
}

function inWords(beforeMs: number, force: boolean, cleaned: readonly Cleaned[]): string {
  const lines = cleaned.flatMap(({ tenant, removable, kept }) => [
    `${tenant}, before ${new Date(beforeMs).toISOString()}:`,
    `  idempotency_keys    ${removable.idempotency_keys} ${force ? 'removed' : 'would be removed'}: answers kept for repeated requests; those of the last 24 hours stay`,
    ...Object.entries(kept).map(([table, rows]) => `  ${table.padEnd(19)} ${rows} kept: proof behind bills`),
  ]);
  if (!force) lines.push('Nothing was removed; --force does so.');
  return `${lines.join('\n')}\n`;
}
