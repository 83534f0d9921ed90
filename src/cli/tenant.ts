import type { Command } from 'commander';
import { inTenant } from '../db/client.ts';
import { ensureTenant, tenantExists } from '../db/tenants.ts';
import { openTheDatabase } from './open-database.ts';
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
  const db = openTheDatabase();
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
