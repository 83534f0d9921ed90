import type { Command } from 'commander';
import { migrate } from '../db/migrate.ts';

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('bring the database of DATABASE_URL up to date, as the owner of its tables')
    .option('--json', 'print the result as JSON')
    .action(async (options: { json?: boolean }) => {
      const url = process.env.DATABASE_URL;
      if (!url) throw new Error('DATABASE_URL is not set. Local mode migrates by itself: npm start.');
      await migrate(url);
      process.stdout.write(options.json ? '{"migrated":true}\n' : 'The database is up to date.\n');
    });
}
