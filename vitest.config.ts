import { defineConfig } from 'vitest/config';

/**
 * Four projects: `unit` needs no process but itself and runs in seconds, on fakes and virtual time; `organs` holds the
 * organs' own tests (real servers on loopback); `e2e` starts the real CLI, real processes, sockets and databases; `faults`
 * does so too, and then does to them what test/faults.md lists.
 */
const report = process.env.AZORA_TEST_REPORT;

export default defineConfig({
  test: {
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{core,adapters,keeper,supervisor,cli}/**/*.test.ts', 'test/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      { test: { name: 'organs', include: ['organs/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 30_000 } },
      { test: { name: 'e2e', include: ['test/{e2e,soak}/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 } },
      { test: { name: 'faults', include: ['test/faults/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 60_000 } },
    ],
  },
});
