import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Threads crash the Temporal worker.
    pool: 'forks',
    // More than a small machine has cores: most of them wait for real servers.
    maxWorkers: 3,
    globalSetup: ['src/local/test-setup.ts'],
    // Real servers on two cores: a limit that only something stuck can reach.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Classes of one running Rollcall live side by side and mostly wait.
    maxConcurrency: 20,
  },
});
