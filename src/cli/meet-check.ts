import type { Command } from 'commander';
import { createMeetAdapter } from '../meet/adapter.ts';

export function addMeetCheck(program: Command): void {
  program
    .command('meet-check')
    .description('try the whole way to Google Meet as a teacher, and name each failure with its cure')
    .requiredOption('--as <email>', 'the teacher to impersonate')
    .option('--json', 'print one JSON object a step')
    .action(meetCheck);
}

async function meetCheck(options: { as: string; json?: boolean }): Promise<void> {
  const serviceAccountKey = process.env.GOOGLE_SERVICE_ACCOUNT_KEY;
  if (!serviceAccountKey) {
    throw new Error(
      'GOOGLE_SERVICE_ACCOUNT_KEY is not set. Give the JSON of the key, or the path of its file.',
    );
  }
  const meet = createMeetAdapter({ serviceAccountKey, rootUrl: process.env.GOOGLE_ROOT_URL });
  for await (const step of meet.checkMeet({ subject: options.as })) {
    if (!step.ok) process.exitCode = 1;
    const cure = step.cure ? `\n       cure: ${step.cure}` : '';
    process.stdout.write(
      options.json
        ? `${JSON.stringify(step)}\n`
        : `${step.ok ? ' ok ' : 'FAIL'}  ${step.step}: ${step.message}${cure}\n`,
    );
  }
}
