import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Threads crash the Temporal worker.
    pool: 'forks',
    globalSetup: ['src/local/test-setup.ts'],
    // Real servers on two cores: a limit that only something stuck can reach.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
