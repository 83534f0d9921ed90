// Run by sdk-download.ts with what to download and where to. The SDK downloads when it starts a server, so it is
// started once, beside everything else, and stopped again.
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [what, downloadDir] = process.argv.slice(2);
if (downloadDir === undefined)
  throw new Error('usage: sdk-download-process.ts dev-server|time-skipping DIRECTORY');

const executable = { type: 'cached-download', downloadDir } as const;
try {
  const environment =
    what === 'dev-server'
      ? await TestWorkflowEnvironment.createLocal({ server: { executable } })
      : await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
  await environment.teardown();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
