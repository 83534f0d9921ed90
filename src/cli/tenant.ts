import type { Command } from 'commander';
import { inTenant, openDatabase } from '../db/client.ts';
import { ensureTenant, tenantExists } from '../db/tenants.ts';
import { readAddresses } from '../local/addresses.ts';
import { dataDir } from './data-dir.ts';
import { databaseUrl } from './database-url.ts';
import { schoolName } from './school.ts';

export function addTenant(program: Command): void {
  program
    .command('tenant')
    .description('manage schools')
    .command('add')
    .description('make a school; its first admin token would do so too')
    .argument('<name>', 'as tokens will name it', schoolName)
    .option('--json', 'print the result as JSON')
    .action(add);
}

async function add(name: string, options: { json?: boolean }): Promise<void> {
  const given = databaseUrl('DATABASE_SERVICE_URL') ?? databaseUrl('DATABASE_URL');
  const url = given ?? readAddresses(dataDir())?.databaseUrl;
  if (!url) throw new Error('there is no database: set DATABASE_URL, or start local mode first (npm start).');
  const db = openDatabase(url, 'rollcall-cli', 1);
  try {
    const added = await inTenant(db, name, async (tx) => {
      if (await tenantExists(tx, name)) return false;
      await ensureTenant(tx, name);
      return true;
    });
    const said = added ? `School "${name}" was added.` : `School "${name}" was there already.`;
    process.stdout.write(options.json ? `${JSON.stringify({ tenant: name, added })}\n` : `${said}\n`);
  } finally {
    await db.close();
  }
}
