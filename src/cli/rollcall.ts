#!/usr/bin/env node
/** The command line. Exit status 0: done, 1: failed, 2: used wrongly. */
import { Command, CommanderError } from 'commander';
import { addCalculate } from './calculate.ts';
import { addClean } from './clean.ts';
import { addDebug } from './debug.ts';
import { addDemo } from './demo.ts';
import { addMeetCheck } from './meet-check.ts';
import { addMigrate } from './migrate.ts';
import { addReplayWebhooks } from './replay-webhooks.ts';
import { addStart } from './start.ts';
import { addTenant } from './tenant.ts';
import { addToken } from './token.ts';
import { addVerifyLiveKit } from './verify-livekit.ts';
import { WrongUsage } from './wrong-usage.ts';

const program = new Command('rollcall')
  .description(
    'Decides, for every online class, who was there, for how long and what that is worth, and can show why.',
  )
  .exitOverride()
  .configureHelp({ sortSubcommands: true });
const commands = [
  ...[addDemo, addStart, addMigrate, addMeetCheck, addTenant, addToken],
  ...[addCalculate, addVerifyLiveKit, addDebug, addReplayWebhooks, addClean],
];
for (const add of commands) add(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`rollcall: ${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env.LOG_LEVEL === 'debug' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = error instanceof WrongUsage ? 2 : 1;
  }
}
