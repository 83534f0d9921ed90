import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { inTenant, openDatabase } from '../db/client.ts';
import { ensureTenant, tenantExists } from '../db/tenants.ts';
import { TENANT_NAME } from '../http/authentication.ts';
import { readAddresses } from '../local/addresses.ts';
import { dataDir } from './data-dir.ts';

export function addTenant(program: Command): void {
  program
    .command('tenant')
    .description('manage schools')
    .command('add')
    .description('make a school; its first admin token would do so too')
    .argument('<name>', 'as tokens will name it', tenantName)
    .option('--json', 'print the result as JSON')
    .action(add);
}

function tenantName(name: string): string {
  if (TENANT_NAME.test(name)) return name;
  throw new InvalidArgumentError('expected 1 to 63 of a-z, 0-9, - and _.');
}

async function add(name: string, options: { json?: boolean }): Promise<void> {
  const url = process.env.DATABASE_URL || readAddresses(dataDir())?.databaseUrl;
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
