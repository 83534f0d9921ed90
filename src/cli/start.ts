import type { Command } from 'commander';
import { showProgress } from '../local/progress.ts';
import { startLocalRollcall } from '../local/rollcall.ts';
import { stopSignals } from '../local/stop-signals.ts';
import { dataDir } from './data-dir.ts';
import type { Shell } from './shell.ts';

export function addStart(program: Command, shell: Shell): void {
  program
    .command('start')
    .description('run Rollcall on this machine until Ctrl-C; its data stays in ROLLCALL_DATA_DIR')
    .option('--watch', 'restart server and worker when a file changes')
    .option('--json', 'print the addresses as JSON')
    .action((options: Options) => start(shell, options));
}

interface Options {
  watch?: boolean;
  json?: boolean;
}

async function start(shell: Shell, options: Options): Promise<void> {
  const signal = stopSignals();
  const env = { PORT: shell.env.PORT || '3000' };
  const running = await startLocalRollcall({
    dataDir: dataDir(shell.env),
    report: showProgress(shell.stderr),
    write: (line) => shell.stderr.write(`${line}\n`),
    env,
    livekit: 'if_available',
    signal,
    ...(options.watch && { watch: true }),
  }).catch((error: unknown) => {
    if (signal.aborted) return null;
    throw error;
  });
  if (!running) return;
  const addresses = {
    api: running.apiUrl,
    documentation: `${running.apiUrl}/docs`,
    temporal_ui: running.temporalUiUrl ?? null,
    meet: running.simulatorUrl ? `simulated at ${running.simulatorUrl}` : 'Google',
    livekit: running.livekitUrl ?? null,
  };
  shell.stdout.write(options.json ? `${JSON.stringify(addresses)}\n` : `${inWords(addresses)}\n`);
  const ended = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const failure = await Promise.race([ended, running.failed]);
  await running.stop();
  if (failure) throw new Error(`${failure.name} ended with ${failure.how}; everything was stopped.`);
}

const inWords = (addresses: Record<string, string | null>): string =>
  [
    'Rollcall is ready. Its secrets are for this machine only.',
    ...Object.entries(addresses).map(
      ([name, address]) => `  ${name.replace('_', ' ').padEnd(14)} ${address ?? '-'}`,
    ),
    'A token:  npm run -s rollcall -- token --tenant my-school --role admin',
  ].join('\n');
