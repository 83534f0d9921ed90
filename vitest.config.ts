import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Threads crash the Temporal worker.
    pool: 'forks',
    // Most of them wait for real servers.
    maxWorkers: 2,
    globalSetup: ['src/local/test-setup.ts'],
    // Real servers on two cores: a limit that only something stuck can reach.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Classes of one running Rollcall live side by side and mostly wait.
    maxConcurrency: 20,
  },
});
