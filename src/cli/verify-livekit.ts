import type { Command } from 'commander';
import { listClassIds } from '../db/class-ids.ts';
import { type Database, databaseUnavailable, inTenant } from '../db/client.ts';
import { LiveKitFault } from '../livekit/fault.ts';
import { createLiveKitRooms, type LiveKitRooms } from '../livekit/rooms.ts';
import { type Report, showProgress } from '../local/progress.ts';
import { loggable } from '../loggable.ts';
import { atOnce } from './at-once.ts';
import { classId } from './class-id.ts';
import { livekitAtHand } from './livekit-at-hand.ts';
import { keepLook, lookIntoRoom } from './look-into-room.ts';
import { openTheDatabase } from './open-database.ts';
import { schoolName } from './school.ts';
import type { Shell } from './shell.ts';
import { inJson, inWords, type Verified } from './verified-rooms.ts';
import { whichTenant } from './which-tenant.ts';

export function addVerifyLiveKit(program: Command, shell: Shell): void {
  program
    .command('verify-livekit')
    .description(
      'list the rooms of the LiveKit classes that are open, say what that changes, and keep it as their verification does',
    )
    .option('--session <id>', 'one class only, also one that is over', classId)
    .option('--dry-run', 'keep nothing')
    .option('--tenant <tenant>', 'the school; needed when there are several', schoolName)
    .option('--json', 'print the result as JSON')
    .action((options: Options) => verify(shell, options));
}

interface Options {
  session?: string;
  dryRun?: boolean;
  tenant?: string;
  json?: boolean;
}

/** A thousand rooms are listed within a minute, and LiveKit has its hands free for the calls. */
const AT_ONCE = 4;

async function verify(shell: Shell, options: Options): Promise<void> {
  const rooms = createLiveKitRooms({ settings: livekitAtHand(shell.env), now: Date.now });
  const db = openTheDatabase(shell.env, AT_ONCE);
  try {
    const tenant = await whichTenant(db, { tenant: options.tenant, classId: options.session });
    const ids = options.session === undefined ? await openNow(db, tenant) : [options.session];
    const dryRun = options.dryRun === true;
    const verified = await verifyAll(
      db,
      rooms,
      { tenantId: tenant, ids, keep: !dryRun },
      showProgress(shell.stderr),
    );
    shell.stdout.write(
      options.json
        ? `${JSON.stringify(inJson(tenant, dryRun, verified))}\n`
        : inWords(tenant, dryRun, verified),
    );
    const failed = verified.filter((one) => one.kind === 'failed');
    if (failed.length > 0) {
      const named = failed.map(({ id, reason }) => `class ${id}: ${reason}`).join('; ');
      throw new Error(`${failed.length} of ${verified.length} rooms could not be verified: ${named}`);
    }
  } finally {
    await db.close();
  }
}

const openNow = (db: Database, tenantId: string): Promise<string[]> =>
  inTenant(db, tenantId, (tx) => listClassIds(tx, tenantId, { provider: 'livekit', status: 'open' }));

async function verifyAll(
  db: Database,
  rooms: LiveKitRooms,
  { tenantId, ids, keep }: { tenantId: string; ids: readonly string[]; keep: boolean },
  report: Report,
): Promise<Verified[]> {
  const verified = new Map<string, Verified>();
  const step = `Verifying ${ids.length === 1 ? '1 room' : `${ids.length} rooms`} of ${tenantId}`;
  report({ kind: 'begin', step });
  await atOnce(ids, AT_ONCE, async (id) => {
    const ref = { tenantId, classId: id };
    try {
      const look = await lookIntoRoom(db, rooms, ref);
      if (keep) await keepLook(db, rooms, ref, look);
      verified.set(id, { id, kind: 'listed', look, kept: keep });
    } catch (error) {
      verified.set(id, { id, kind: 'failed', reason: reasonOf(error) });
    }
    report({ kind: 'advance', step, detail: `${verified.size} of ${ids.length}` });
  });
  report({ kind: 'end', step });
  return ids.flatMap((id) => verified.get(id) ?? []);
}

/** A room that fails takes nothing from the others; a database that is away fails them all. */
function reasonOf(error: unknown): string {
  // First: that LiveKit cannot be reached has the same codes.
  if (error instanceof LiveKitFault) return error.message;
  if (databaseUnavailable(error) !== null) throw error;
  return String(loggable(error).message);
}
