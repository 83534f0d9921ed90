import { type Command, InvalidArgumentError } from 'commander';
import { openDatabase } from '../db/client.ts';
import { listNobodys } from '../db/find-tenants.ts';
import { databaseUrl } from './database-url.ts';
import { printable } from './printable.ts';
import type { Shell } from './shell.ts';

export function addSetAside(program: Command, shell: Shell): void {
  program
    .command('set-aside')
    .description(
      "list the signed deliveries of LiveKit that are no school's, the latest first, as the owner of the tables (DATABASE_URL); each school lists its own with GET /api/set-aside",
    )
    .option('--limit <number>', 'at most so many', limit, 50)
    .option('--json', 'print them as JSON, whole')
    .action((options: Options) => listThem(shell, options));
}

interface Options {
  limit: number;
  json?: boolean;
}

function limit(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 1_000) return number;
  throw new InvalidArgumentError('expected a whole number from 1 to 1000.');
}

async function listThem({ env, stdout }: Shell, { limit: most, json = false }: Options): Promise<void> {
  const url = databaseUrl(env, 'DATABASE_URL');
  if (!url)
    throw new Error("DATABASE_URL is not set: the owner of the tables alone sees what is no school's.");
  const db = openDatabase(url, 'rollcall-cli', 1);
  try {
    const rows = await listNobodys(db, most);
    if (rows === null) {
      throw new Error(
        "the login of DATABASE_URL may not see what is no school's: use the owner of the tables, as for rollcall migrate.",
      );
    }
    const shown = rows.map(
      ({ id, tenantId, sourceEventId, why, reason, event, roomName, raw, receivedAt }) => ({
        ...{ id: id.toString(), tenant_id: tenantId, source_event_id: sourceEventId, why, reason, event },
        ...{ room_name: roomName, raw, received_at: receivedAt.toISOString() },
      }),
    );
    if (json) stdout.write(`${JSON.stringify({ deliveries: shown })}\n`);
    else if (shown.length === 0) stdout.write("No delivery is no school's.\n");
    for (const one of json ? [] : shown) {
      const about = [one.event ?? 'no event', one.room_name ?? 'no room', one.reason ?? one.why];
      if (one.tenant_id !== null) about.push(`its key is that of ${one.tenant_id}, which is not there`);
      stdout.write(`${one.received_at}  ${about.map(printable).join('  ')}\n`);
    }
  } finally {
    await db.close();
  }
}
