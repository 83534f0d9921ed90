import type { Command } from 'commander';
import { createMeetAdapter } from '../meet/adapter.ts';
import type { Shell } from './shell.ts';

export function addMeetCheck(program: Command, shell: Shell): void {
  program
    .command('meet-check')
    .description('try the whole way to Google Meet as a teacher, and name each failure with its cure')
    .requiredOption('--as <email>', 'the teacher to impersonate')
    .option('--json', 'print one JSON object a step')
    .action((options: Options) => meetCheck(shell, options));
}

interface Options {
  as: string;
  json?: boolean;
}

async function meetCheck(shell: Shell, options: Options): Promise<void> {
  const serviceAccountKey = shell.env.GOOGLE_SERVICE_ACCOUNT_KEY;
  if (!serviceAccountKey) {
    throw new Error(
      'GOOGLE_SERVICE_ACCOUNT_KEY is not set. Give the JSON of the key, or the path of its file.',
    );
  }
  const meet = createMeetAdapter({ serviceAccountKey, rootUrl: shell.env.GOOGLE_ROOT_URL });
  for await (const step of meet.checkMeet({ subject: options.as })) {
    if (!step.ok) shell.exitCode = 1;
    const cure = step.cure ? `\n       cure: ${step.cure}` : '';
    shell.stdout.write(
      options.json
        ? `${JSON.stringify(step)}\n`
        : `${step.ok ? ' ok ' : 'FAIL'}  ${step.step}: ${step.message}${cure}\n`,
    );
  }
}
