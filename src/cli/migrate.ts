import type { Command } from 'commander';
import { migrate } from '../db/migrate.ts';
import { databaseUrl } from './database-url.ts';
import type { Shell } from './shell.ts';

export function addMigrate(program: Command, shell: Shell): void {
  program
    .command('migrate')
    .description(
      'bring the database of DATABASE_URL up to date, as the owner of its tables, and make the login of DATABASE_SERVICE_URL',
    )
    .option('--json', 'print the result as JSON')
    .action(async (options: { json?: boolean }) => {
      const url = databaseUrl(shell.env, 'DATABASE_URL');
      if (!url) throw new Error('DATABASE_URL is not set. Local mode migrates by itself: npm start.');
      const serviceUrl = databaseUrl(shell.env, 'DATABASE_SERVICE_URL');
      await migrate(url, serviceUrl);
      const login = serviceUrl === undefined ? null : decodeURIComponent(new URL(serviceUrl).username);
      shell.stdout.write(
        options.json
          ? `${JSON.stringify({ migrated: true, service_login: login })}\n`
          : `The database is up to date${login === null ? '' : `; server and worker log in as ${login}`}.\n`,
      );
    });
}
