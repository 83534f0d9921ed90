import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { cacheDir } from './src/local/cache-dir.ts';

// Some two hundred processes are started, and a third of what each takes to load is compiling the same modules.
process.env.NODE_COMPILE_CACHE ??= join(cacheDir(process.env), 'node-compile');

/**
 * What starts first, in this order: the files that live through classes and mostly wait, so that the short ones fill the
 * time beside them. The flood of joins takes a whole core, so it runs beside what does not mind.
 */
const EARLY = [
  'chaos/livekit-faults',
  'chaos/livekit-flood',
  'src/local/temporal',
  'src/local/local-mode',
  'src/local/postgres',
  'chaos/meet-refuses',
  'chaos/whiteboard',
  'workflows/seven-days',
  'chaos/',
  'workflows/',
  'src/local/',
  'src/ingest/store-deliveries',
  'src/http/livekit-webhook',
  'src/attendance/laws',
];

/** The same order on every machine and in every run, whatever an earlier one noted. */
class EarlyFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = EARLY.findIndex((start) => moduleId.startsWith(`${import.meta.dirname}/${start}`));
      return found < 0 ? EARLY.length : found;
    };
    return files.toSorted((a, b) => place(a) - place(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}

export default defineConfig({
  test: {
    // Threads crash the Temporal worker.
    pool: 'forks',
    // As it grows to that anyhow.
    execArgv: ['--min-semi-space-size=16'],
    // Each file has its own database and namespace; loading all of Rollcall again for each took an eighth of the run's CPU.
    isolate: false,
    // More than a small machine has cores: most of them wait for real servers.
    maxWorkers: 4,
    sequence: { sequencer: EarlyFirst },
    globalSetup: ['src/local/test-setup.ts'],
    // Real servers on two cores: a limit that only something stuck can reach.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Classes of one running Rollcall live side by side and mostly wait.
    maxConcurrency: 20,
  },
});
