import type { Command } from 'commander';
import { inTenant } from '../db/client.ts';
import { ensureTenant, tenantExists } from '../db/tenants.ts';
import { openTheDatabase } from './open-database.ts';
import { schoolName } from './school.ts';
import type { Shell } from './shell.ts';

export function addTenant(program: Command, shell: Shell): void {
  program
    .command('tenant')
    .description('manage schools')
    .command('add')
    .description('make a school; its first admin token would do so too')
    .argument('<name>', 'as tokens will name it', schoolName)
    .option('--json', 'print the result as JSON')
    .action((name: string, options: Options) => add(shell, name, options));
}

interface Options {
  json?: boolean;
}

async function add(shell: Shell, name: string, options: Options): Promise<void> {
  const db = openTheDatabase(shell.env);
  try {
    const added = await inTenant(db, name, async (tx) => {
      if (await tenantExists(tx, name)) return false;
      await ensureTenant(tx, name);
      return true;
    });
    const said = added ? `School "${name}" was added.` : `School "${name}" was there already.`;
    shell.stdout.write(options.json ? `${JSON.stringify({ tenant: name, added })}\n` : `${said}\n`);
  } finally {
    await db.close();
  }
}
