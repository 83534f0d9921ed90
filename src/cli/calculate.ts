import { type Command, InvalidArgumentError } from 'commander';
import { listClassIds } from '../db/class-ids.ts';
import { type Database, databaseUnavailable, inTenant } from '../db/client.ts';
import { type Report, showProgress } from '../local/progress.ts';
import { loggable } from '../loggable.ts';
import { atOnce } from './at-once.ts';
import { type Calculated, calculateOne } from './calculate-one.ts';
import { classId } from './class-id.ts';
import { openTheDatabase } from './open-database.ts';
import { schoolName } from './school.ts';
import type { Shell } from './shell.ts';
import { whichTenant } from './which-tenant.ts';
import { WrongUsage } from './wrong-usage.ts';

export function addCalculate(program: Command, shell: Shell): void {
  program
    .command('calculate')
    .description(
      'calculate attendance again: of one class, or of all that have begun; what did not change keeps its version',
    )
    .argument('[class]', 'id of one class', classId)
    .option('--force', 'also classes that are over and that their workflow has not calculated yet')
    .option('--type <type>', 'classes of this session type only')
    .option('--days <days>', 'classes that started within so many days only', days)
    .option('--tenant <tenant>', 'the school; needed when there are several', schoolName)
    .option('--json', 'print the result as JSON')
    .action((one: string | undefined, options: Options) => calculate(shell, one, options));
}

interface Options {
  force?: boolean;
  type?: string;
  days?: number;
  tenant?: string;
  json?: boolean;
}

const DAY_MS = 86_400_000;
const MOST_DAYS = 36_500;
/** The rules and PostgreSQL share the cores. */
const AT_ONCE = 4;

function days(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= MOST_DAYS) return value;
  throw new InvalidArgumentError(`expected a whole number of days from 1 to ${MOST_DAYS}.`);
}

/** What became of a class; `reason` where it was not calculated. */
type Outcome = { id: string } & (Calculated | { kind: 'failed'; reason: string });

async function calculate(shell: Shell, one: string | undefined, options: Options): Promise<void> {
  if (one !== undefined && (options.type !== undefined || options.days !== undefined)) {
    throw new WrongUsage('expected the id of one class, or --type and --days to choose among all, not both.');
  }
  const db = openTheDatabase(shell.env, AT_ONCE);
  try {
    const tenant = await whichTenant(db, { tenant: options.tenant, classId: one });
    const force = options.force === true;
    const outcomes =
      one === undefined
        ? await calculateAll(db, tenant, { ...options, force }, showProgress(shell.stderr))
        : [await calculateAlone(db, tenant, one, force)];
    shell.stdout.write(
      options.json ? `${JSON.stringify(inJson(tenant, outcomes))}\n` : inWords(tenant, outcomes),
    );
    const failed = outcomes.filter((outcome) => outcome.kind === 'failed');
    if (failed.length > 0) {
      const named = failed.map(({ id, reason }) => `${id} (${reason})`).join(', ');
      throw new Error(`${failed.length} of ${outcomes.length} classes failed: ${named}`);
    }
  } finally {
    await db.close();
  }
}

async function calculateAlone(db: Database, tenantId: string, id: string, force: boolean): Promise<Outcome> {
  const calculated = await calculateOne(db, { tenantId, classId: id }, { force, nowMs: Date.now() });
  if (calculated.kind === 'refused') throw new Error(`class ${id} was not calculated: ${calculated.reason}.`);
  return { id, ...calculated };
}

async function calculateAll(
  db: Database,
  tenantId: string,
  { type, days: within, force }: Options & { force: boolean },
  report: Report,
): Promise<Outcome[]> {
  const nowMs = Date.now();
  const fromMs = within === undefined ? undefined : nowMs - within * DAY_MS;
  const ids = await inTenant(db, tenantId, (tx) =>
    listClassIds(tx, tenantId, { sessionType: type, fromMs, untilMs: nowMs }),
  );
  const step = `Calculating ${ids.length === 1 ? '1 class' : `${ids.length} classes`} of ${tenantId}`;
  const outcomes = new Map<string, Outcome>();
  report({ kind: 'begin', step });
  await atOnce(ids, AT_ONCE, async (id) => {
    outcomes.set(id, { id, ...(await calculateOrSay(db, { tenantId, classId: id }, { force, nowMs })) });
    report({ kind: 'advance', step, detail: `${outcomes.size} of ${ids.length}` });
  });
  report({ kind: 'end', step });
  return ids.flatMap((id) => outcomes.get(id) ?? []);
}

/** One class that fails says so and takes nothing from the others; a database that is away fails them all. */
async function calculateOrSay(
  ...given: Parameters<typeof calculateOne>
): Promise<Calculated | { kind: 'failed'; reason: string }> {
  try {
    return await calculateOne(...given);
  } catch (error) {
    if (databaseUnavailable(error) !== null) throw error;
    return { kind: 'failed', reason: String(loggable(error).message) };
  }
}

function inJson(tenant: string, outcomes: readonly Outcome[]) {
  return {
    tenant,
    ...countsOf(outcomes),
    classes: outcomes.map((outcome) => {
      switch (outcome.kind) {
        case 'calculated':
        case 'unchanged':
          return {
            class_id: outcome.id,
            outcome: outcome.kind,
            version_before: outcome.versionBefore,
            version_after: outcome.versionAfter,
            statuses: outcome.statuses,
          };
        case 'refused':
          return { class_id: outcome.id, outcome: 'skipped', reason: outcome.reason };
        case 'failed':
          return { class_id: outcome.id, outcome: 'failed', reason: outcome.reason };
        default:
          return outcome satisfies never;
      }
    }),
  };
}

function countsOf(outcomes: readonly Outcome[]) {
  const count = (kind: Outcome['kind']): number => outcomes.filter((outcome) => outcome.kind === kind).length;
  return {
    calculated: count('calculated'),
    unchanged: count('unchanged'),
    skipped: count('refused'),
    failed: count('failed'),
  };
}

function inWords(tenant: string, outcomes: readonly Outcome[]): string {
  const { calculated, unchanged, skipped, failed } = countsOf(outcomes);
  const sum = `${outcomes.length === 1 ? '1 class' : `${outcomes.length} classes`} of ${tenant}: ${calculated} calculated, ${unchanged} unchanged, ${skipped} skipped, ${failed} failed.`;
  return `${[...outcomes.map((outcome) => `${outcome.id}  ${wordsOf(outcome)}`), sum].join('\n')}\n`;
}

function wordsOf(outcome: Outcome): string {
  if (outcome.kind === 'failed') return `failed: ${outcome.reason}`;
  if (outcome.kind === 'refused') return `skipped: ${outcome.reason}`;
  const { kind, versionBefore, versionAfter, statuses } = outcome;
  const version =
    kind === 'unchanged' ? `${versionAfter}, unchanged` : `${versionBefore ?? '-'} → ${versionAfter}`;
  const people = Object.entries(statuses).map(([status, count]) => `${status} ${count}`);
  return `version ${version}  ${people.join(', ') || 'nobody on the roster'}`;
}
