/** `npm run bench -- NAME`: what we promise, measured. Exit status 0: met, 1: missed or failed, 2: used wrongly. */
import { Command, CommanderError } from 'commander';
import { addFlood } from './flood.ts';
import { addIdle } from './idle.ts';
import { addLive } from './live.ts';
import { addPresence } from './presence.ts';
import { addStarts } from './starts.ts';
import { addWebhooks } from './webhooks.ts';

const program = new Command('bench')
  .description('Measures what Rollcall promises, on real components that it starts and stops by itself.')
  .exitOverride()
  .showHelpAfterError()
  .configureHelp({ sortSubcommands: true });
for (const add of [addFlood, addIdle, addLive, addPresence, addStarts, addWebhooks]) add(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
