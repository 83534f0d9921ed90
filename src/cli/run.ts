/** The command line. Exit status 0: done, 1: failed, 2: used wrongly. */
import { Command, CommanderError } from 'commander';
import type { Shell } from './shell.ts';
import { WrongUsage } from './wrong-usage.ts';

/** Each is loaded when it is wanted: what the others need takes half a second. */
const COMMANDS: Record<string, () => Promise<(program: Command, shell: Shell) => void>> = {
  demo: async () => (await import('./demo.ts')).addDemo,
  start: async () => (await import('./start.ts')).addStart,
  migrate: async () => (await import('./migrate.ts')).addMigrate,
  'meet-check': async () => (await import('./meet-check.ts')).addMeetCheck,
  tenant: async () => (await import('./tenant.ts')).addTenant,
  token: async () => (await import('./token.ts')).addToken,
  calculate: async () => (await import('./calculate.ts')).addCalculate,
  'verify-livekit': async () => (await import('./verify-livekit.ts')).addVerifyLiveKit,
  debug: async () => (await import('./debug.ts')).addDebug,
  'replay-webhooks': async () => (await import('./replay-webhooks.ts')).addReplayWebhooks,
  'set-aside': async () => (await import('./set-aside.ts')).addSetAside,
  clean: async () => (await import('./clean.ts')).addClean,
};

/** Runs the command that `args` name, and says in `shell.exitCode` how it ended. */
export async function run(args: readonly string[], shell: Shell): Promise<void> {
  const program = new Command('rollcall')
    .description(
      'Decides, for every online class, who was there, for how long and what that is worth, and can show why.',
    )
    .exitOverride()
    .configureHelp({ sortSubcommands: true })
    .configureOutput({
      writeOut: (text) => shell.stdout.write(text),
      writeErr: (text) => shell.stderr.write(text),
    });
  const wanted = args[0] ?? '';
  const loads = Object.entries(COMMANDS).filter(([name]) => name === wanted);
  for (const [, load] of loads.length > 0 ? loads : Object.entries(COMMANDS)) (await load())(program, shell);

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      shell.exitCode = error.exitCode === 0 ? 0 : 2;
    } else {
      shell.stderr.write(`rollcall: ${error instanceof Error ? error.message : String(error)}\n`);
      if (shell.env.LOG_LEVEL === 'debug' && error instanceof Error) shell.stderr.write(`${error.stack}\n`);
      shell.exitCode = error instanceof WrongUsage ? 2 : 1;
    }
  }
}
